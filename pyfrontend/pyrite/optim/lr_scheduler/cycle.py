"""Schedules that move rate and momentum in cycles: CyclicLR and OneCycleLR.

Layer L6. Momentum runs against the rate: it is high where the rate is low. It is the group's
`momentum`, or the first of its `betas`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypedDict

from ..grouped import require
from ..optimizer import Optimizer
from .scheduler import (
    LRScheduler,
    Rate,
    callable_state,
    check_optimizer,
    one_per_group,
    set_group_value,
)

__all__ = ["CyclicLR", "OneCycleLR"]


class _MomentumLR(LRScheduler):
    """Sets the groups' momentum beside their rates."""

    use_beta1: bool

    def _start_momentum(
        self, optimizer: Optimizer, base: Any, highest: Any, last_epoch: int
    ) -> tuple[list[float], list[float]]:
        """Find where the optimizer keeps its momentum and start it at its highest value.

        Returns:
            The lowest and the highest momentum of each group.
        """
        require(
            "momentum" in optimizer.defaults or "betas" in optimizer.defaults,
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled",
        )
        self.use_beta1 = "betas" in optimizer.defaults
        highests = one_per_group("max_momentum", optimizer, highest)
        bases = one_per_group("base_momentum", optimizer, base)
        if last_epoch == -1:
            for low, high, group in zip(bases, highests, optimizer.param_groups, strict=True):
                self._set_momentum(group, high)
                group["max_momentum"] = high
                group["base_momentum"] = low
        return bases, highests

    def _set_momentum(self, group: dict[str, Any], value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class CyclicLR(_MomentumLR):
    """Let the rate rise from `base_lr` to `max_lr` and fall again, over and over.

    Args:
        optimizer: whose groups to change.
        base_lr: lowest rate, for all groups or for each.
        max_lr: highest rate, for all groups or for each.
        step_size_up: steps of a rise.
        step_size_down: steps of a fall; as many as of a rise if None.
        mode: "triangular" keeps the height, "triangular2" halves it each cycle, "exp_range" scales
            it
            by `gamma ** steps`.
        gamma: base of "exp_range".
        scale_fn: scales the height, in place of `mode`.
        scale_mode: what `scale_fn` is given: the number of the "cycle" or of "iterations".
        cycle_momentum: whether momentum cycles too.
        base_momentum: lowest momentum.
        max_momentum: highest momentum.
        last_epoch: step to resume after.

    Source: Smith, Cyclical Learning Rates for Training Neural Networks, 2015.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = one_per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=True):
                set_group_value(group, "lr", lr)
        self.max_lrs = one_per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        require(
            mode in ("triangular", "triangular2", "exp_range") or scale_fn is not None,
            "mode is invalid and scale_fn is None",
        )
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode: str = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._start_momentum(
                optimizer, base_momentum, max_momentum, last_epoch
            )
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """Factor of the height at cycle or iteration `x`."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return 1 / float(2.0 ** (x - 1))
        return float(self.gamma**x) if self.mode == "exp_range" else 1.0

    def get_lr(self) -> list[Rate]:
        """The groups' rates at `last_epoch`; sets their momentum too."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        rises = x <= self.step_ratio
        height = x / self.step_ratio if rises else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            ranges = zip(self.base_momentums, self.max_momentums, strict=True)
            for group, (low, high) in zip(self.optimizer.param_groups, ranges, strict=True):
                self._set_momentum(group, high - (high - low) * height * scale)
        ranges = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * height * scale for low, high in ranges]

    def state_dict(self) -> dict[str, Any]:
        """Every attribute but the optimizer; of `scale_fn`, the attributes of an object."""
        state = super().state_dict()
        if self._scale_fn_custom is not None:
            state["_scale_fn_custom"] = callable_state(self._scale_fn_custom)
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the attributes that `state_dict` returned; a custom function stays."""
        others = {key: value for key, value in state_dict.items() if key != "_scale_fn_custom"}
        super().load_state_dict(others)
        if state_dict["_scale_fn_custom"] is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(state_dict["_scale_fn_custom"])


class _Phase(TypedDict):
    """A stretch of the one-cycle schedule; rates and momenta are named by their group keys."""

    end_step: float
    start_lr: str
    end_lr: str
    start_momentum: str
    end_momentum: str


def _phase(end_step: float, lrs: tuple[str, str], momenta: tuple[str, str]) -> _Phase:
    return {
        "end_step": end_step,
        "start_lr": lrs[0],
        "end_lr": lrs[1],
        "start_momentum": momenta[0],
        "end_momentum": momenta[1],
    }


def _phases(total_steps: int, pct_start: float, three_phase: bool) -> list[_Phase]:
    """Up to the highest rate, then down; with `three_phase` down as far as it came up, then on."""
    low, high = "base_momentum", "max_momentum"
    rise_end = float(pct_start * total_steps) - 1
    rise = _phase(rise_end, ("initial_lr", "max_lr"), (high, low))
    if not three_phase:
        return [rise, _phase(total_steps - 1, ("max_lr", "min_lr"), (low, high))]
    fall_end = float(2 * pct_start * total_steps) - 2
    return [
        rise,
        _phase(fall_end, ("max_lr", "initial_lr"), (low, high)),
        _phase(total_steps - 1, ("initial_lr", "min_lr"), (high, high)),
    ]


def _count_steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    """Length of the schedule, given as such or as epochs times batches."""

    def positive(name: str, value: int) -> int:
        valid = isinstance(value, int) and value > 0
        require(valid, f"Expected positive integer {name}, but got {value}")
        return value

    if total_steps is not None:
        return positive("total_steps", total_steps)
    if epochs is None or steps_per_epoch is None:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    return positive("epochs", epochs) * positive("steps_per_epoch", steps_per_epoch)


class OneCycleLR(_MomentumLR):
    """One rise to `max_lr` and one long fall to far below the first rate; stepped once a batch.

    Args:
        optimizer: whose groups to change.
        max_lr: highest rate, for all groups or for each.
        total_steps: length of the schedule; or `epochs` and `steps_per_epoch`.
        epochs: number of epochs.
        steps_per_epoch: batches in an epoch.
        pct_start: part of the schedule that rises.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether momentum moves the other way.
        base_momentum: lowest momentum.
        max_momentum: highest momentum.
        div_factor: `max_lr` over the first rate.
        final_div_factor: the first rate over the last.
        three_phase: fall to the first rate as fast as it rose, then to the last.
        last_epoch: step to resume after.

    Source: Smith and Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates, 2017.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _count_steps(total_steps, epochs, steps_per_epoch)
        require(
            isinstance(pct_start, float) and 0 <= pct_start <= 1,
            f"Expected float between 0 and 1 pct_start, but got {pct_start}",
        )
        require(
            anneal_strategy in ("cos", "linear"),
            f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}",
        )
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        max_lrs = one_per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for highest, group in zip(max_lrs, optimizer.param_groups, strict=True):
                group["initial_lr"] = highest / div_factor
                group["max_lr"] = highest
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _anneal(self, start: Any, end: Any, part: float) -> Any:
        """Between two values, `part` of the way from start to end."""
        if self._anneal_func_type == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)

    def get_lr(self) -> list[Rate]:
        """The groups' rates at `last_epoch`; sets their momentum too."""
        self._warn_outside_step()
        step = self.last_epoch
        require(
            step <= self.total_steps,
            f"Tried to step {step} times. The specified number of total steps is "
            f"{self.total_steps}",
        )
        begin = 0.0
        phase = self._schedule_phases[0]
        for following in self._schedule_phases[1:]:
            if step <= phase["end_step"]:
                break
            begin, phase = phase["end_step"], following
        part = (step - begin) / (phase["end_step"] - begin)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._anneal(group[phase["start_lr"]], group[phase["end_lr"]], part))
            if self.cycle_momentum:
                start, end = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._anneal(start, end, part))
        return rates
