"""The scheduler protocol: when learning rates change and how that is saved.

Layer L6. A scheduler owns the `lr` of its optimizer's groups. `last_epoch` counts its steps from 0;
the constructor performs step 0. `get_lr` gives the rates of the present epoch in chainable form,
that is from the groups' present rates, so that several schedulers can act on one optimizer. Saved
state is the instance's dictionary without the optimizer, with PyTorch's attribute names.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from pyrite._C import Tensor

from ..grouped import to_float
from ..optimizer import Optimizer

__all__ = ["EPOCH_DEPRECATION_WARNING", "LRScheduler", "ScaledLR"]

Rate: TypeAlias = "float | Tensor"

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler. During the deprecation, if "
    "epoch is different from None, the closed form is used instead of the new chainable form, "
    "where available. Please open an issue if you are unable to replicate your use case: "
    "https://github.com/pytorch/pytorch/issues/new/choose."
)
_HOW_TO = "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
_STEP_OVERRIDDEN = (
    "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
    "initialization. Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`. "
    f"See more details at {_HOW_TO}"
)
_WRONG_ORDER = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and "
    "later, you should call them in the opposite order: `optimizer.step()` before "
    "`lr_scheduler.step()`.  Failure to do this will result in PyTorch skipping the first value "
    f"of the learning rate schedule. See more details at {_HOW_TO}"
)
_NO_INITIAL_LR = (
    "param 'initial_lr' is not specified in param_groups[{}] when resuming scheduler with "
    "last_epoch >= 0.\n"
    "This typically happens when:\n"
    "1. You're trying to resume training from a checkpoint but haven't properly loaded the "
    "optimizer state\n"
    "2. You're using last_epoch >= 0 for a fresh training run (not recommended)"
)


def check_optimizer(optimizer: object) -> None:
    """Raise TypeError unless this is an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def copy_rate(value: Any) -> Any:
    """The value, cloned if it is a tensor."""
    return value.clone() if isinstance(value, Tensor) else value


def group_values(optimizer: Optimizer, key: str) -> list[Any]:
    """Copies of a hyper-parameter's value in each group."""
    return [copy_rate(group[key]) for group in optimizer.param_groups]


def set_group_value(group: dict[str, Any], key: str, value: Rate) -> None:
    """Set a hyper-parameter; a tensor keeps its identity and is filled."""
    if isinstance(group[key], Tensor):
        group[key].fill_(to_float(value))
    else:
        group[key] = value


def one_per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """A list with a value for each group, from such a list or from one value for all."""
    count = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        value = [value] * count
    elif len(value) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} "
            f"values, param_groups has {count}."
        )
    return [copy_rate(item) for item in value]


def callable_state(fn: Callable[..., Any]) -> dict[str, Any] | None:
    """What is saved of a callable: the attributes of an object, nothing of a function."""
    attributes = getattr(fn, "__dict__", None)
    is_function = callable(fn) and hasattr(fn, "__code__")
    return None if attributes is None or is_function else attributes.copy()


def _plain_function(method: Any) -> Any:
    return getattr(method, "__func__", method)


class LRScheduler:
    """Base of all schedulers; a subclass defines `get_lr`.

    Args:
        optimizer: whose groups to change.
        last_epoch: epoch to resume after; -1 starts, and stores each group's rate as `initial_lr`.

    Raises:
        TypeError: `optimizer` is none.
        KeyError: resuming, but a group has no `initial_lr`.
    """

    optimizer: Optimizer
    _last_lr: list[Rate]
    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copy_rate(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(_NO_INITIAL_LR.format(i))
        self.base_lrs: list[Any] = group_values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        optimizer.__dict__.setdefault("_scheduled_step", _plain_function(optimizer.step))
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        with self._while_set("_is_initial"):
            self.step()

    @contextmanager
    def _while_set(self, flag: str) -> Iterator[None]:
        setattr(self, flag, True)
        try:
            yield
        finally:
            setattr(self, flag, False)

    def state_dict(self) -> dict[str, Any]:
        """Every attribute but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the attributes that `state_dict` returned."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Rate]:
        """The rates of the groups after the last step."""
        return self._last_lr

    def get_lr(self) -> list[Rate]:
        """The rates of the groups at `last_epoch`; called within `step`."""
        raise NotImplementedError

    def _warn_outside_step(self) -> None:
        """Warn a caller of `get_lr` that only `step` may use it."""
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch and set the groups' rates.

        Args:
            epoch: go there instead; deprecated.
        """
        if self._step_count == 1:
            self._warn_about_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _warn_about_order(self) -> None:
        """Warn at the first real step if the optimizer has not stepped before."""
        step = _plain_function(self.optimizer.step)
        if step is not self.optimizer.__dict__.get("_scheduled_step", step):
            warnings.warn(_STEP_OVERRIDDEN, UserWarning, stacklevel=3)
        elif hasattr(step, "hooked") and not self.optimizer._opt_called:
            warnings.warn(_WRONG_ORDER, UserWarning, stacklevel=3)

    def _update_lr(self, epoch: int | None = None) -> None:
        with self._while_set("_get_lr_called_within_step"):
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                rates = getattr(self, "_get_closed_form_lr", self.get_lr)()
        self._set_rates(rates)

    def _set_rates(self, rates: list[Rate]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_group_value(group, "lr", rate)
        self._last_lr = group_values(self.optimizer, "lr")


class ScaledLR(LRScheduler):
    """Base of schedules that scale all groups alike.

    A subclass gives the factor of one step (`_factor`, from the last epoch to this one) and the
    factor since the start (`_total_factor`), both at `last_epoch`.
    """

    def get_lr(self) -> list[Rate]:
        """The groups' present rates times the factor of this step."""
        self._warn_outside_step()
        factor = self._factor()
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Rate]:
        factor = self._total_factor()
        return [base_lr * factor for base_lr in self.base_lrs]

    def _factor(self) -> float:
        raise NotImplementedError

    def _total_factor(self) -> float:
        raise NotImplementedError
