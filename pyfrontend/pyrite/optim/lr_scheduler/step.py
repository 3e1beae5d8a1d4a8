"""Schedules that drop at chosen epochs: StepLR and MultiStepLR (layer L6)."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable

from ..optimizer import Optimizer
from .scheduler import ScaledLR

__all__ = ["MultiStepLR", "StepLR"]


class StepLR(ScaledLR):
    """Multiply the rate by `gamma` every `step_size` epochs.

    Example:
        >>> optimizer = optim.SGD([pyrite.ones(1)], lr=1.0)
        >>> schedule = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.1)
        >>> for epoch in range(4):
        ...     optimizer.step()
        ...     print(schedule.get_last_lr())
        ...     schedule.step()
        [1.0]
        [1.0]
        [0.1]
        [0.1]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        drops = self.last_epoch != 0 and self.last_epoch % self.step_size == 0
        return self.gamma if drops else 1.0

    def _total_factor(self) -> float:
        return self.gamma ** (self.last_epoch // self.step_size)


class MultiStepLR(ScaledLR):
    """Multiply the rate by `gamma` at each of `milestones`; one named twice counts twice."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return self.gamma ** self.milestones[self.last_epoch]

    def _total_factor(self) -> float:
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return self.gamma**passed
