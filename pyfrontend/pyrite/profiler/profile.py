"""The profiler with a schedule: profile, and what to do with its traces.

Layer L6, on `autograd.profiler`, which records. This class says when: a schedule gives an action
for each step, and after the last step of a cycle `on_trace_ready` gets the profile.
"""

from __future__ import annotations

import os
import socket
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Self

from pyrite.autograd import profiler as recorder
from pyrite.autograd.profiler_util import EventList
from pyrite.profiler.schedule import ProfilerAction, ProfilerActivity

__all__ = ["kineto_available", "profile", "supported_activities", "tensorboard_trace_handler"]

_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def kineto_available() -> bool:
    """Whether `profile` can trace, for which PyTorch needs a library of that name: True."""
    return True


def supported_activities() -> set[ProfilerActivity]:
    """What can be recorded: what the CPU does."""
    return {ProfilerActivity.CPU}


class profile:
    """Record the operations and ranges of a program.

    Args:
        activities: what to record; only the CPU is, a device among them warns.
        schedule: from a step's number to what to do in it; without one everything is recorded.
        on_trace_ready: called with the profile when a recording is complete.
        record_shapes: note the shapes of operations' arguments.
        profile_memory: note how much memory of tensors was taken and given back.
        with_stack: note where the program called.
        with_flops: count floating-point operations of products, sums and linear layers.
        with_modules: inert: it is for compiled modules.
        experimental_config: inert.
        acc_events: inert: a recording replaces the one before.
        use_cuda: older spelling of a device among the activities.

    Raises:
        AssertionError: there is nothing to record.
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: object = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
    ) -> None:
        chosen = supported_activities() if activities is None else set(activities)
        if not chosen:
            raise AssertionError("No valid profiler activities found")
        if use_cuda or chosen - supported_activities():
            warnings.warn("profile: nothing is recorded of devices, only of the CPU", stacklevel=2)
        self.activities = chosen
        self.schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self.on_trace_ready = on_trace_ready
        self._options = {
            "record_shapes": record_shapes,
            "profile_memory": profile_memory,
            "with_stack": with_stack,
            "with_flops": with_flops,
        }
        self.step_num = 0
        self.current_action = self.schedule(0)
        self.profiler: recorder.profile | None = None
        self._recording = False
        self._record_steps = schedule is not None
        self._step: recorder.record_function | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin, with the action of the first step."""
        if self.current_action in _RECORDING:
            self._begin()
        self._begin_step()

    def stop(self) -> None:
        """End; a recording that is under way is handed over."""
        self._end_step()
        if self._recording:
            self._finish()

    def step(self) -> None:
        """Say that a step has ended and the next one begins."""
        self._end_step()
        before = self.current_action
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        if before is ProfilerAction.RECORD_AND_SAVE:
            self._finish()
        elif self._recording and self.current_action not in _RECORDING:
            warnings.warn("Incorrect schedule: RECORD followed by NONE", stacklevel=2)
            self._end()
        if self.current_action in _RECORDING and not self._recording:
            self._begin()
        self._begin_step()

    def _begin(self) -> None:
        self.profiler = recorder.profile(**self._options)
        self.profiler.__enter__()
        self._recording = True

    def _end(self) -> None:
        if self.profiler is not None:
            self.profiler.__exit__(None, None, None)
        self._recording = False

    def _finish(self) -> None:
        self._end()
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def _begin_step(self) -> None:
        if self._record_steps:
            self._step = recorder.record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _end_step(self) -> None:
        if self._step is not None:
            self._step.__exit__(None, None, None)
            self._step = None

    def _recorded(self, purpose: str) -> recorder.profile:
        if self.profiler is None:
            raise AssertionError(f"Profiler must be initialized before {purpose}")
        return self.profiler

    def events(self) -> EventList:
        """What the last recording holds."""
        return self._recorded("getting events").function_events

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0
    ) -> EventList:
        """One event for each name, with times added up.

        Args:
            group_by_input_shape: tell runs with other shapes apart; needs `record_shapes`.
            group_by_stack_n: tell runs apart by so many frames; needs `with_stack`.

        Raises:
            AssertionError: nothing has been recorded.
        """
        recorded = self._recorded("getting key averages")
        return recorded.key_averages(group_by_input_shape, group_by_stack_n)

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the last recording as JSON for chrome://tracing; `.gz` is compressed.

        Raises:
            AssertionError: nothing has been recorded.
        """
        self._recorded("exporting chrome trace").export_chrome_trace(path)

    def export_stacks(
        self, path: str | os.PathLike[str], metric: str = "self_cpu_time_total"
    ) -> None:
        """Write stacks with a metric, as flame graphs take them; needs `with_stack`."""
        self._recorded("exporting stacks").export_stacks(path, metric)


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """What `on_trace_ready` can be, to write traces into a folder under names that differ.

    Args:
        dir_name: the folder; made if it is not there.
        worker_name: the beginning of the names, by default host and process.
        use_gzip: compress the files.
    """
    worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"

    def handler(prof: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        name = f"{worker}.{time.time_ns()}.pt.trace.json{'.gz' if use_gzip else ''}"
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handler
