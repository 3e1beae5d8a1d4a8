"""Schedules along a cosine: CosineAnnealingLR and CosineAnnealingWarmRestarts (layer L6).

Source: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2016.
"""

from __future__ import annotations

import math
from typing import Any

from ..grouped import require
from ..optimizer import Optimizer
from .scheduler import LRScheduler, Rate

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


def _between(low: Any, high: Any, angle: float) -> Any:
    """From `high` at angle 0 to `low` at angle pi."""
    return low + (high - low) * (1 + math.cos(angle)) / 2


class CosineAnnealingLR(LRScheduler):
    """Follow a half cosine from the first rate to `eta_min` in `T_max` epochs, then back.

    The chainable form scales the distance to `eta_min` by the ratio of two neighbouring values.

    Example:
        >>> optimizer = optim.SGD([pyrite.ones(1)], lr=1.0)
        >>> schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     schedule.step()
        ...     print(f"{schedule.get_last_lr()[0]:.2f}")
        0.50
        0.00
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """The groups' rates at `last_epoch`."""
        self._warn_outside_step()
        groups = self.optimizer.param_groups
        if self._is_initial:
            return [group["lr"] for group in groups]
        if self._step_count == 1 and self.last_epoch > 0:
            return self._get_closed_form_lr()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [
                group["lr"] + (base_lr - self.eta_min) * rise
                for base_lr, group in zip(self.base_lrs, groups, strict=True)
            ]
        now = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        before = 1 + math.cos(math.pi * (self.last_epoch - 1) / self.T_max)
        return [now / before * (group["lr"] - self.eta_min) + self.eta_min for group in groups]

    def _get_closed_form_lr(self) -> list[Rate]:
        angle = math.pi * self.last_epoch / self.T_max
        return [_between(self.eta_min, base_lr, angle) for base_lr in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Follow half cosines that start again, after `T_0` epochs and then `T_mult` times longer each.

    `step` also takes a fraction of an epoch, such as `epoch + batch / batches`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        require(isinstance(T_0, int) and T_0 > 0, f"Expected positive integer T_0, but got {T_0}")
        require(
            isinstance(T_mult, int) and T_mult >= 1,
            f"Expected integer T_mult >= 1, but got {T_mult}",
        )
        require(
            isinstance(eta_min, float | int),
            f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}",
        )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """The groups' rates, `T_cur` of `T_i` epochs after the last restart."""
        self._warn_outside_step()
        angle = math.pi * self.T_cur / self.T_i
        return [_between(self.eta_min, base_lr, angle) for base_lr in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go to the next epoch, or to `epoch`, which may be a fraction."""
        if epoch is None and self.last_epoch >= 0:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            epoch = epoch or 0
            require(epoch >= 0, f"Expected non-negative epoch, but got {epoch}")
            self._find_period(epoch)
        self.last_epoch = math.floor(epoch)
        with self._while_set("_get_lr_called_within_step"):
            rates = self.get_lr()
        self._set_rates(rates)

    def _find_period(self, epoch: float) -> None:
        """Set the length of the period that holds `epoch` and the position in it."""
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            growth = self.T_mult - 1
            n = int(math.log(epoch / self.T_0 * growth + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / growth
            self.T_i = self.T_0 * self.T_mult**n
