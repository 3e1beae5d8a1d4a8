"""Schedules that fall steadily: ExponentialLR and PolynomialLR (layer L6)."""

from __future__ import annotations

from ..optimizer import Optimizer
from .scheduler import ScaledLR

__all__ = ["ExponentialLR", "PolynomialLR"]


class ExponentialLR(ScaledLR):
    """Multiply the rate by `gamma` every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return 1.0 if self._is_initial else self.gamma

    def _total_factor(self) -> float:
        return self.gamma**self.last_epoch


class PolynomialLR(ScaledLR):
    """Scale the rate by `(1 - epoch / total_iters) ** power`, down to zero."""

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1.0
        now = 1.0 - self.last_epoch / self.total_iters
        before = 1.0 - (self.last_epoch - 1) / self.total_iters
        return float((now / before) ** self.power)

    def _total_factor(self) -> float:
        done = min(self.total_iters, self.last_epoch)
        return float((1.0 - done / self.total_iters) ** self.power)
