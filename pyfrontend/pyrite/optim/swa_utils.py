"""Averages of a model's weights over training: AveragedModel, its rules, SWALR, update_bn.

Layer L6. Averages run through foreach natives over whole parameter lists.

Source: Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization, 2018.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, Literal, TypeAlias

from pyrite import _C, nn
from pyrite._C import Tensor
from pyrite.autograd.grad_mode import no_grad

from .grouped import require
from .lr_scheduler.scheduler import LRScheduler, Rate, one_per_group
from .optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Count: TypeAlias = Tensor | int
Average: TypeAlias = Callable[[Tensor, Tensor, Count], Tensor]
ListAverage: TypeAlias = Callable[[list[Tensor], list[Tensor], Count], None]


def _check_decay(decay: float) -> None:
    require(
        0.0 <= decay <= 1.0,
        f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.",
    )


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """Exponential moving average of one tensor: `decay * average + (1 - decay) * current`."""
    _check_decay(decay)

    @no_grad()
    def average(averaged: Tensor, current: Tensor, num_averaged: Count) -> Tensor:
        return decay * averaged + (1 - decay) * current

    return average


def get_swa_avg_fn() -> Average:
    """Equal average of one tensor: `average + (current - average) / (num_averaged + 1)`."""

    @no_grad()
    def average(averaged: Tensor, current: Tensor, num_averaged: Count) -> Tensor:
        return averaged + (current - averaged) / (num_averaged + 1)

    return average


def _lerp(averaged: list[Tensor], current: list[Tensor], weight: float) -> None:
    """Move each average towards its current value; integers are rounded towards zero."""
    inexact = [i for i, t in enumerate(averaged) if t.is_floating_point() or t.is_complex()]
    if inexact:
        _C._foreach_lerp_([averaged[i] for i in inexact], [current[i] for i in inexact], weight)
    for i in sorted(set(range(len(averaged))).difference(inexact)):
        averaged[i].copy_(averaged[i] * (1 - weight) + current[i] * weight)


def get_ema_multi_avg_fn(decay: float = 0.999) -> ListAverage:
    """Exponential moving average of a list of tensors, in place."""
    _check_decay(decay)

    @no_grad()
    def average(averaged: list[Tensor], current: list[Tensor], num_averaged: Count) -> None:
        _lerp(averaged, current, 1 - decay)

    return average


def get_swa_multi_avg_fn() -> ListAverage:
    """Equal average of a list of tensors, in place."""

    @no_grad()
    def average(averaged: list[Tensor], current: list[Tensor], num_averaged: Count) -> None:
        _lerp(averaged, current, 1 / (int(num_averaged) + 1))

    return average


class AveragedModel(nn.Module):
    """A copy of a model whose parameters are averages of those the model had.

    Args:
        model: copied; `update_parameters(model)` takes its weights into the average.
        device: where the copy lives; the model's device if None.
        avg_fn: average of one tensor, called with (averaged, current, number of averaged models).
        multi_avg_fn: average of lists in place. At most one of the two; an equal average if none.
        use_buffers: average buffers too; otherwise they are copied.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: nn.Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: ListAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", _C.tensor(0, dtype=_C.int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the averaged model."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: nn.Module) -> None:
        """Take the present weights of `model` into the average."""
        averaged = [t.detach() for t in self._tensors(self.module)]
        current = [
            t.detach().to(a.device) for a, t in zip(averaged, self._tensors(model), strict=True)
        ]
        if self.n_averaged == 0:
            for a, t in zip(averaged, current, strict=True):
                a.copy_(t)
        elif self.avg_fn is not None:
            for a, t in zip(averaged, current, strict=True):
                a.copy_(self.avg_fn(a, t, self.n_averaged.to(a.device)))
        else:
            (self.multi_avg_fn or get_swa_multi_avg_fn())(averaged, current, self.n_averaged)
        if not self.use_buffers:
            for a, t in zip(self.module.buffers(), model.buffers(), strict=True):
                a.detach().copy_(t.detach().to(a.device))
        self.n_averaged += 1

    def _tensors(self, module: nn.Module) -> Iterable[Tensor]:
        buffers: Iterable[Tensor] = module.buffers() if self.use_buffers else ()
        return itertools.chain(module.parameters(), buffers)


@no_grad()
def update_bn(loader: Iterable[Any], model: nn.Module, device: Any = None) -> None:
    """Compute the running statistics of all batch norms anew from one pass over the data.

    Args:
        loader: batches, or lists and tuples that begin with the batch.
        model: run in training mode; its mode is restored.
        device: where batches are moved to.
    """
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    norms = [module for module in model.modules() if isinstance(module, kinds)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    for batch in loader:
        batch = batch[0] if isinstance(batch, list | tuple) else batch
        model(batch if device is None else batch.to(device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Anneal each group's rate to `swa_lr` in `anneal_epochs` and keep it there.

    Args:
        optimizer: whose groups to change.
        swa_lr: last rate, for all groups or for each.
        anneal_epochs: length of the way there.
        anneal_strategy: "cos" or "linear".
        last_epoch: epoch to resume after.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        swa_lrs = one_per_group("swa_lr", optimizer, swa_lr)
        for value, group in zip(swa_lrs, optimizer.param_groups, strict=True):
            group["swa_lr"] = value
        require(
            anneal_strategy in ("cos", "linear"),
            f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}",
        )
        require(
            isinstance(anneal_epochs, int) and anneal_epochs >= 0,
            f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}",
        )
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _weight(self, step: int) -> float:
        """Share of `swa_lr` in the rate after this many steps."""
        part = max(0, min(1, step / max(1, self.anneal_epochs)))
        return part if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * part)) / 2

    def get_lr(self) -> list[Rate]:
        """The groups' rates at `last_epoch`."""
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._weight(step - 1), self._weight(step)
        rates = []
        for group in self.optimizer.param_groups:
            swa_lr, start = group["swa_lr"], group["swa_lr"]
            if before != 1:
                start = (group["lr"] - before * swa_lr) / (1 - before)
            rates.append(swa_lr * now + start * (1 - now))
        return rates
