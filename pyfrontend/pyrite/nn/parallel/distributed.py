"""Data-parallel training: every rank has a copy of the model, gradients are averaged.

Layer: Python front end, over `pyrite.distributed`. The wrapper checks that all ranks have the same
model, gives them rank 0's values, and leaves the gradients to `_reducer`. Invariant: what N ranks
learn is what one process learns from their joined batch, up to rounding; with one rank, exactly.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyrite.distributed as dist
from pyrite import _C
from pyrite._C import Tensor
from pyrite.autograd.grad_mode import is_grad_enabled, no_grad
from pyrite.distributed.algorithms.join import Join, Joinable, JoinHook
from pyrite.nn.module import Module

from ._reducer import Options, Reducer
from ._tree import map_tensors, tensors_in

__all__ = ["DistributedDataParallel"]

_MEGABYTE = 1024 * 1024


class DistributedDataParallel(Module, Joinable):
    """Wraps a module whose gradients are averaged over the ranks of a group during backward.

    Args:
        module: the model; on one device, the same on every rank.
        device_ids: the one device it is on; inputs are moved there. None leaves inputs as they are.
        output_device: None or the same device.
        dim: must be 0.
        broadcast_buffers: every forward begins with rank 0's buffers.
        init_sync: check that the ranks have the same model, and give all of them rank 0's values.
        process_group: the ranks; the default group if None.
        bucket_cap_mb: gradients travel in messages of this size (25; the first has 1 MB).
        find_unused_parameters: inert, unused parameters are always found.
        check_reduction: inert, as in PyTorch.
        gradient_as_bucket_view: `grad` is a part of the message, which saves a copy.
        static_graph: every backward uses the same parameters.

    Raises:
        RuntimeError: no parameter requires a gradient, or the ranks' models differ.
        ValueError: the module is on several devices, or not on the one that is named.

    See "PyTorch Distributed: Experiences on Accelerating Data Parallel Training" (Li et al., 2020).
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        init_sync: bool = True,
        process_group: Any = None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
    ) -> None:
        Module.__init__(self)
        Joinable.__init__(self)
        if dim != 0:
            raise NotImplementedError(f"DistributedDataParallel: dim must be 0, got {dim}")
        self.process_group = dist.group.WORLD if process_group is None else process_group
        if self.process_group is None:
            dist.get_world_size()  # raises PyTorch's error
        self.module = module
        self.broadcast_buffers = broadcast_buffers
        self.find_unused_parameters = find_unused_parameters
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.static_graph = static_graph
        self.require_backward_grad_sync = True
        self._divide_by_world_size = True
        self.parameters_to_ignore = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        parameters = self._trained()
        if not parameters:
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameters "
                "that require a gradient."
            )
        self._place(parameters, device_ids, output_device)
        if init_sync:
            self._verify(parameters)
            self._broadcast(self._states(), 0)
        limit = int((25 if bucket_cap_mb is None else bucket_cap_mb) * _MEGABYTE)
        self._options = Options(max(1, limit), gradient_as_bucket_view, static_graph)
        self.reducer = Reducer(parameters, self.process_group, self._options)
        if init_sync:
            self.reducer.meet()

    def _place(self, parameters: Sequence[Tensor], device_ids: Any, output_device: Any) -> None:
        devices = {parameter.device for parameter in parameters}
        types = {device.type for device in devices}
        named = [] if device_ids is None else [_C.device(i) for i in device_ids]
        if device_ids is not None and (len(named) != 1 or "cpu" in types or len(devices) != 1):
            raise ValueError(
                "DistributedDataParallel device_ids and output_device arguments only work with "
                "single-device/multiple-device GPU modules or CPU modules, but got device_ids "
                f"{list(device_ids)}, output_device {output_device}, and module parameters "
                f"{devices}."
            )
        if len(types) != 1:
            raise ValueError(
                "DistributedDataParallel's input module must be on the same type of devices, but "
                f"input module parameters locate in {types}."
            )
        self.device_ids = None if device_ids is None else list(device_ids)
        self.output_device = output_device
        self.device_type = types.pop()
        self.device = next(iter(devices))

    def _verify(self, parameters: Sequence[Tensor]) -> None:
        """All ranks raise when one rank's parameters differ from rank 0's."""
        mine = [(tuple(parameter.shape), str(parameter.dtype)) for parameter in parameters]
        world = dist.get_world_size(self.process_group)
        everyone: list[Any] = [None] * world
        dist.all_gather_object(everyone, mine, group=self.process_group)
        for rank, theirs in enumerate(everyone):
            if len(theirs) != len(everyone[0]):
                raise RuntimeError(
                    f"DDP expects same model across all ranks, but Rank 0 has {len(everyone[0])} "
                    f"params, while rank {rank} has inconsistent {len(theirs)} params."
                )
            for index, (ours, first) in enumerate(zip(theirs, everyone[0], strict=True)):
                if ours != first:
                    raise RuntimeError(
                        f"[Rank {rank}]: params[{index}] in this process with sizes "
                        f"{list(ours[0])} appears not to match sizes of the same param in process "
                        f"0.\n  rank {rank} has {ours[1]} {list(ours[0])}, rank 0 has {first[1]} "
                        f"{list(first[0])}"
                    )

    def _trained(self) -> list[Tensor]:
        named = self.module.named_parameters()
        return [p for n, p in named if p.requires_grad and n not in self.parameters_to_ignore]

    def _buffers_to_sync(self) -> list[Tensor]:
        ignored = self.parameters_to_ignore
        return [b for name, b in self.module.named_buffers() if name not in ignored]

    def _states(self) -> list[Tensor]:
        ignored = self.parameters_to_ignore
        parameters = [p for name, p in self.module.named_parameters() if name not in ignored]
        return [*parameters, *self._buffers_to_sync()]

    def _broadcast(self, tensors: Sequence[Tensor], source: int) -> None:
        """Gives all ranks the values of one, in one message for each dtype."""
        by_kind: dict[Any, list[Tensor]] = {}
        for tensor in tensors:
            by_kind.setdefault((tensor.dtype, tensor.device), []).append(tensor)
        with no_grad():
            for same in by_kind.values():
                flat = _C.cat([tensor.detach().reshape(-1) for tensor in same])
                dist.broadcast(flat, group=self.process_group, group_src=source)
                parts = flat.split([tensor.numel() for tensor in same])
                for tensor, part in zip(same, parts, strict=True):
                    tensor.copy_(part.view(tensor.shape))

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """Returns what the module returns; backward through it averages the gradients."""
        synced = self._begin(is_grad_enabled() and self.require_backward_grad_sync)
        if self.device_ids is not None:
            inputs, kwargs = map_tensors((inputs, kwargs), lambda t: t.to(self.device))
        output = self.module(*inputs, **kwargs)
        if synced:
            self._watch(output)
        return output

    def _begin(self, synced: bool) -> bool:
        """What the ranks tell each other before a forward; whether its gradients are averaged."""
        active = Join.notify_join_context(self)
        joins = active is not None
        if active is not None:
            synced = self._all_agree(synced)
        if active is None or self._divide_by_world_size:
            self.reducer.divisor = dist.get_world_size(self.process_group)
        else:
            self.reducer.divisor = active
        if synced:
            self.reducer.meet()
            self.reducer.recover()
            self.reducer.rebuild()
        # Without a joined rank to think of, buffers are rank 0's in evaluation as well.
        send_buffers = synced if joins else self.require_backward_grad_sync
        buffers = self._buffers_to_sync() if self.broadcast_buffers and send_buffers else []
        if buffers:
            self._broadcast(buffers, self._authority(True) if joins else 0)
        return synced

    def _watch(self, output: Any) -> None:
        """A backward through the output begins a reduction."""
        reducer = self.reducer

        def begin(grad: Tensor) -> None:
            reducer.begin()

        found = False
        for tensor in tensors_in(output):
            if tensor.requires_grad:
                tensor.register_hook(begin)
                found = True
        # An object that hides its tensors: the next gradient of a parameter has to do.
        reducer.expected = not found

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        """Forward passes in here are not averaged: gradients add up until the next one outside."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def register_comm_hook(self, state: Any, hook: Callable[[Any, Any], Any]) -> None:
        """Replaces the averaging of a bucket of gradients.

        Args:
            state: handed to the hook.
            hook: `hook(state, bucket)` returns a `Future` of the reduced, averaged buffer.

        Raises:
            RuntimeError: a hook is registered already.
            TypeError: `hook` cannot be called.
        """
        if not callable(hook):
            raise TypeError("Communication hook must be callable.")
        if self.reducer.hook is not None:
            raise RuntimeError(
                "register_comm_hook or register_builtin_comm_hook can only be called once."
            )
        self.reducer.hook = (state, hook)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """As `Module.load_state_dict`; the names may lack the wrapper's `module.`."""
        if isinstance(state_dict, Mapping) and not any(k.startswith("module.") for k in state_dict):
            return self.module.load_state_dict(state_dict, strict, assign)
        return super().load_state_dict(state_dict, strict, assign)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        del state["process_group"], state["reducer"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy talks to the default group."""
        super().__setstate__(state)
        self.process_group = dist.group.WORLD
        self.reducer = Reducer(self._trained(), self.process_group, self._options)

    # Uneven inputs: ranks that have none left take part in what the others do.

    def join(
        self,
        divide_by_initial_world_size: bool = True,
        enable: bool = True,
        throw_on_early_termination: bool = False,
    ) -> Join:
        """A context in which the ranks may have different numbers of batches.

        Args:
            divide_by_initial_world_size: gradients are divided by the number of ranks, else by the
                number of ranks that still have a batch.
            enable: False for a context without effect.
            throw_on_early_termination: all ranks raise as soon as one has no more batches.
        """
        return Join(
            [self],
            enable,
            throw_on_early_termination,
            divide_by_initial_world_size=divide_by_initial_world_size,
        )

    def join_hook(self, **kwargs: Any) -> JoinHook:
        """What this rank does when it has no more batches."""
        self._divide_by_world_size = bool(kwargs.get("divide_by_initial_world_size", True))
        return _JoinHook(self)

    @property
    def join_device(self) -> Any:
        """Where the group's small messages are made."""
        return _C.device("cpu")

    @property
    def join_process_group(self) -> Any:
        """The ranks."""
        return self.process_group

    def _all_agree(self, synced: bool) -> bool:
        """Whether all ranks that have a batch average its gradients."""
        flag = _C.tensor([int(synced)])
        dist.all_reduce(flag, op=dist.ReduceOp.MIN, group=self.process_group)
        return bool(flag.item())

    def _authority(self, active: bool) -> int:
        """The last rank that has a batch: its buffers count."""
        rank = dist.get_rank(self.process_group)
        highest = _C.tensor([rank if active else -1])
        dist.all_reduce(highest, op=dist.ReduceOp.MAX, group=self.process_group)
        return int(highest.item())


class _JoinHook(JoinHook):
    """Shadows the collectives of `DistributedDataParallel`."""

    def __init__(self, wrapper: DistributedDataParallel) -> None:
        self._wrapper = wrapper

    def main_hook(self) -> None:
        """One iteration of the others."""
        wrapper = self._wrapper
        synced = wrapper._all_agree(True)
        if synced:
            wrapper.reducer.meet()
            wrapper.reducer.rebuild()
        buffers = wrapper._buffers_to_sync() if wrapper.broadcast_buffers else []
        if buffers and synced:
            wrapper._broadcast(buffers, wrapper._authority(False))
        if synced:
            wrapper.reducer.shadow()

    def post_hook(self, is_last_joiner: bool) -> None:
        """The model of a rank that trained to the end is everybody's."""
        wrapper = self._wrapper
        wrapper._broadcast(wrapper._states(), wrapper._authority(is_last_joiner))
