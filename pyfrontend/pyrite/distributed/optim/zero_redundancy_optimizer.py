"""An optimizer whose state is divided among the ranks (Rajbhandari et al., 2020, stage 1).

Each rank updates its own share of the parameters and sends them to the others. Invariant: after a
step all ranks have the same parameters, which are those of the plain optimizer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyrite.distributed as dist
from pyrite import _C
from pyrite._C import Tensor
from pyrite.autograd.grad_mode import no_grad
from pyrite.distributed.algorithms.join import Join, Joinable, JoinHook
from pyrite.optim.optimizer import Optimizer

__all__ = ["ZeroRedundancyOptimizer"]


class ZeroRedundancyOptimizer(Optimizer, Joinable):
    """Runs `optimizer_class` on this rank's share of the parameters.

    Args:
        params: tensors or groups, the same on every rank.
        optimizer_class: the optimizer of a share.
        process_group: the ranks; the default group if None.
        parameters_as_bucket_view: inert: parameters are sent as one message in any case.
        overlap_with_ddp: must be False.
        defaults: arguments of the optimizer.

    Raises:
        NotImplementedError: `overlap_with_ddp`.
    """

    def __init__(
        self,
        params: Any,
        optimizer_class: type[Optimizer],
        process_group: Any = None,
        parameters_as_bucket_view: bool = False,
        overlap_with_ddp: bool = False,
        **defaults: Any,
    ) -> None:
        if overlap_with_ddp:
            raise NotImplementedError("ZeroRedundancyOptimizer: overlap_with_ddp is not available")
        self.process_group = dist.group.WORLD if process_group is None else process_group
        self.rank = dist.get_rank(self.process_group)
        self.world_size = dist.get_world_size(self.process_group)
        self._class = optimizer_class
        self._defaults = defaults
        self._consolidated: dict[int, Any] | None = None
        self.optim: Any = None
        Optimizer.__init__(self, params, dict(defaults))
        Joinable.__init__(self)
        self._divide()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group; it is divided among the ranks as well."""
        super().add_param_group(param_group)
        if self.optim is not None:
            self._divide()

    def _divide(self) -> None:
        """Gives each parameter an owner, largest first, to the rank that has least."""
        flat = [p for group in self.param_groups for p in group["params"]]
        loads = [0] * self.world_size
        self._owner: dict[Tensor, int] = {}
        for parameter in sorted(flat, key=Tensor.numel, reverse=True):
            owner = loads.index(min(loads))
            self._owner[parameter] = owner
            loads[owner] += parameter.numel()
        before = {} if self.optim is None else self.optim.state
        self.optim = self._class(
            [self._share(group) for group in self.param_groups], **self._defaults
        )
        self.optim.state.update(
            {p: s for p, s in before.items() if self._owner.get(p) == self.rank}
        )
        self.state = self.optim.state
        for whole, share in zip(self.param_groups, self.optim.param_groups, strict=True):
            for key, value in share.items():
                whole.setdefault(key, value)

    def _share(self, group: dict[str, Any]) -> dict[str, Any]:
        mine = [p for p in group["params"] if self._owner[p] == self.rank]
        return {key: value for key, value in group.items() if key != "param_names"} | {
            "params": mine
        }

    def step(self, closure: Callable[[], Any] | None = None, **kwargs: Any) -> Any:
        """One step of this rank's share, then the parameters of all others.

        Args:
            closure: computes the loss again and returns it.
            kwargs: handed to the optimizer.
        """
        Join.notify_join_context(self)
        self._pass_on(self.param_groups, self.optim.param_groups)
        loss = self.optim.step(closure, **kwargs) if closure else self.optim.step(**kwargs)
        self._pass_on(self.optim.param_groups, self.param_groups)
        self._send_all()
        return loss

    @staticmethod
    def _pass_on(source: list[dict[str, Any]], target: list[dict[str, Any]]) -> None:
        """Schedulers write to the groups that the user sees, optimizers to their own."""
        for have, want in zip(source, target, strict=True):
            want.update({k: v for k, v in have.items() if k not in ("params", "param_names")})

    def _send_all(self) -> None:
        """Every rank's share, one message for each dtype."""
        shares: dict[Any, list[Tensor]] = {}
        for group in self.param_groups:
            for parameter in group["params"]:
                key = (self._owner[parameter], parameter.dtype, parameter.device)
                shares.setdefault(key, []).append(parameter)
        with no_grad():
            for (owner, *_), share in shares.items():
                flat = _C.cat([parameter.detach().reshape(-1) for parameter in share])
                dist.broadcast(flat, group=self.process_group, group_src=owner)
                if owner != self.rank:
                    parts = flat.split([parameter.numel() for parameter in share])
                    for parameter, part in zip(share, parts, strict=True):
                        parameter.copy_(part.view(parameter.shape))

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Collects the state on one rank, where `state_dict` then returns it; all ranks call it.

        Args:
            to: the rank in the group.
        """
        numbers = self._numbers()
        mine = {numbers[parameter]: state for parameter, state in self.optim.state.items()}
        everyone: list[Any] | None = [None] * self.world_size if self.rank == to else None
        dist.gather_object(mine, everyone, group=self.process_group, group_dst=to)
        self._consolidated = None
        if everyone is not None:
            merged = {number: state for part in everyone for number, state in part.items()}
            self._consolidated = dict(sorted(merged.items()))

    def state_dict(self) -> dict[str, Any]:
        """The state of all shares, in the form that the plain optimizer has.

        Raises:
            RuntimeError: `consolidate_state_dict` has not collected it on this rank.
        """
        if self._consolidated is None:
            raise RuntimeError(
                "Optimizer state has not been consolidated on this rank. Please call "
                f"`consolidate_state_dict(to={self.rank})` on all ranks beforehand if you meant to "
                "save the global state."
            )
        numbers = self._numbers()
        groups = [
            {**group, "params": [numbers[parameter] for parameter in group["params"]]}
            for group in self.param_groups
        ]
        return {"state": self._consolidated, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes this rank's share of a state of all shares, or of the plain optimizer."""
        self._pass_on(state_dict["param_groups"], self.param_groups)
        self._pass_on(self.param_groups, self.optim.param_groups)
        own = self.optim.state_dict()
        local = [p for group in self.optim.param_groups for p in group["params"]]
        numbers = self._numbers()
        state = state_dict["state"]
        own["state"] = {
            index: state[numbers[parameter]]
            for index, parameter in enumerate(local)
            if numbers[parameter] in state
        }
        self.optim.load_state_dict(own)
        self.state = self.optim.state

    def _numbers(self) -> dict[Tensor, int]:
        """The number of each parameter in a state dictionary."""
        flat = [p for group in self.param_groups for p in group["params"]]
        return {parameter: number for number, parameter in enumerate(flat)}

    def join_hook(self, **kwargs: Any) -> JoinHook:
        """What this rank does when it has no more batches."""
        return _JoinHook(self)

    @property
    def join_device(self) -> Any:
        """Where the group's small messages are made."""
        return _C.device("cpu")

    @property
    def join_process_group(self) -> Any:
        """The ranks."""
        return self.process_group


class _JoinHook(JoinHook):
    """A rank without batches goes on to update its share."""

    def __init__(self, optimizer: ZeroRedundancyOptimizer) -> None:
        self._optimizer = optimizer

    def main_hook(self) -> None:
        """One step of the others."""
        self._optimizer.step()
