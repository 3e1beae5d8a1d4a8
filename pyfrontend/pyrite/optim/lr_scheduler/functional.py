"""Schedules given by functions of the epoch: LambdaLR and MultiplicativeLR (layer L6).

Functions and lambdas are not saved; of callable objects the attributes are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ..optimizer import Optimizer
from .scheduler import LRScheduler, Rate, callable_state

__all__ = ["LambdaLR", "MultiplicativeLR"]

Factor: TypeAlias = Callable[[int], float]


class _FunctionLR(LRScheduler):
    """Holds a function for each group."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | list[Factor], last_epoch: int = -1
    ) -> None:
        self.optimizer = optimizer
        count = len(optimizer.param_groups)
        if not isinstance(lr_lambda, list | tuple):
            lr_lambda = [lr_lambda] * count
        elif len(lr_lambda) != count:
            raise ValueError(f"Expected {count} lr_lambdas, but got {len(lr_lambda)}")
        self.lr_lambdas: list[Factor] = list(lr_lambda)
        for fn in self.lr_lambdas:
            self._check_function(fn)
        super().__init__(optimizer, last_epoch)

    def _check_function(self, fn: Any) -> None:
        """Raise TypeError if a schedule does not take this function."""

    def state_dict(self) -> dict[str, Any]:
        """Every attribute but the optimizer; None in the place of a function."""
        state = super().state_dict()
        state["lr_lambdas"] = [callable_state(fn) for fn in self.lr_lambdas]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the attributes that `state_dict` returned; functions stay."""
        others = {key: value for key, value in state_dict.items() if key != "lr_lambdas"}
        super().load_state_dict(others)
        for fn, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if attributes is not None:
                fn.__dict__.update(attributes)


class LambdaLR(_FunctionLR):
    """The first rate times `lr_lambda(epoch)`, one function for all groups or one for each.

    Example:
        >>> optimizer = optim.SGD([pyrite.ones(1)], lr=0.5)
        >>> warmup = optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 4))
        >>> warmup.get_last_lr()
        [0.125]
    """

    def get_lr(self) -> list[Rate]:
        """The groups' rates at `last_epoch`."""
        self._warn_outside_step()
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [base_lr * fn(self.last_epoch) for base_lr, fn in pairs]


class MultiplicativeLR(_FunctionLR):
    """The last rate times `lr_lambda(epoch)`, one function for all groups or one for each."""

    def _check_function(self, fn: Any) -> None:
        if not callable(fn):
            raise TypeError(f"lr_lambda should be a function, but got {type(fn).__name__}")

    def get_lr(self) -> list[Rate]:
        """The groups' rates at `last_epoch`."""
        self._warn_outside_step()
        groups = self.optimizer.param_groups
        if self._is_initial:
            return [group["lr"] for group in groups]
        pairs = zip(groups, self.lr_lambdas, strict=True)
        return [group["lr"] * fn(self.last_epoch) for group, fn in pairs]
