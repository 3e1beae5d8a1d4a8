"""When to profile: activities, actions and schedules."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

__all__ = ["ProfilerAction", "ProfilerActivity", "schedule"]


class ProfilerActivity(Enum):
    """What a profile records."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4


class ProfilerAction(Enum):
    """What a profiler does during a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def schedule(
    *,
    wait: int,
    warmup: int,
    active: int,
    repeat: int = 0,
    skip_first: int = 0,
    skip_first_wait: int = 0,
) -> Callable[[int], ProfilerAction]:
    """A function from a step's number to what the profiler does in it.

    After `skip_first` steps come `repeat` cycles (0: no end) of `wait`, `warmup`, `active` steps.

    Args:
        wait: steps without recording.
        warmup: steps that are recorded and thrown away.
        active: steps that are recorded.
        repeat: number of cycles.
        skip_first: steps before the first cycle.
        skip_first_wait: not 0 leaves out the first cycle's wait.
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise AssertionError("Invalid profiler schedule arguments")

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
        step -= skip_first
        if step < 0:
            return ProfilerAction.NONE
        if skip_first_wait:
            step += wait
        cycle, place = divmod(step, wait + warmup + active)
        if 0 < repeat <= cycle or place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        last = place == wait + warmup + active - 1
        return ProfilerAction.RECORD_AND_SAVE if last else ProfilerAction.RECORD

    return action
