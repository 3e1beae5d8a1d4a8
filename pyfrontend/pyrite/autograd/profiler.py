"""Times operations and named parts of a program: profile and record_function.

Layer L6. Operations are seen by a mode of `__torch_function__`, in the thread that profiles, and
named `aten::x` as in PyTorch; ranges are those marked with `record_function`, in all threads. What
a backward pass does inside is not seen, nor is anything of devices.
"""

from __future__ import annotations

import math
import os
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from time import perf_counter_ns
from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite._doors import door_class
from pyrite._frames import user_frames
from pyrite.autograd.profiler_util import EventList, FunctionEvent
from pyrite.overrides import TorchFunctionMode

__all__ = [
    "EventList",
    "FunctionEvent",
    "emit_itt",
    "emit_nvtx",
    "profile",
    "record_function",
]

emit_itt = door_class("autograd.profiler.emit_itt", "ranges for Intel's tools")
emit_nvtx = door_class("autograd.profiler.emit_nvtx", "ranges for NVIDIA's tools")

_NO_DEVICE = ("use_cuda", "use_device")
_INERT = ("with_modules", "use_kineto", "use_cpu", "acc_events", "experimental_config")


class _Stack(threading.local):
    """The open events of a thread."""

    def __init__(self) -> None:
        self.events: list[tuple[profile, FunctionEvent]] = []


_stack = _Stack()
_active: profile | None = None


class _Operations(TorchFunctionMode):
    """Records the operations of a thread."""

    def __init__(self, owner: profile) -> None:
        self._owner = owner

    def __torch_function__(
        self, func: Any, types_: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if isinstance(func, types.FunctionType):
            # A function in Python: what counts are the operations that it calls.
            with self:
                return getattr(func, "__wrapped__", func)(*args, **kwargs)
        with self._owner._recorded(f"aten::{func.__name__}", None) as event:
            if self._owner.record_shapes:
                event.input_shapes = [_shape(value) for value in args]
            if self._owner.with_flops:
                event.flops = _flops(func.__name__, args, kwargs)
            return func(*args, **kwargs)


def _shape(value: Any) -> list[int]:
    return list(value.shape) if isinstance(value, Tensor) else []


def _flops(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Floating-point operations of products, convolutions and elementwise sums and products."""
    shapes = [_shape(value) for value in args]
    if name in ("mm", "matmul", "bmm") and len(shapes) > 1:
        return 2 * math.prod(shapes[0]) * shapes[1][-1]
    if name == "linear" and len(shapes) > 1:
        return 2 * math.prod(shapes[0]) * shapes[1][0]
    if name == "addmm" and len(shapes) > 2:
        return 2 * math.prod(shapes[1]) * shapes[2][-1]
    if name in ("add", "mul") and shapes and shapes[0]:
        return math.prod(shapes[0])
    return 0


class profile:
    """Record the operations and ranges that run within this context.

    Args:
        enabled: False records nothing.
        record_shapes: note the shapes of operations' arguments.
        with_flops: count floating-point operations of products, sums and linear layers.
        profile_memory: note how much memory of tensors was taken and given back.
        with_stack: note where the program called.
        options: further options of PyTorch's profile. `use_cuda` warns and is ignored where there
            is nothing to record; the others are inert.

    Raises:
        RuntimeError: another profile is running.
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        **options: Any,
    ) -> None:
        for name, value in options.items():
            if name not in (*_NO_DEVICE, *_INERT):
                raise TypeError(f"profile.__init__() got an unexpected keyword argument '{name}'")
            if name in _NO_DEVICE and value:
                warnings.warn(
                    f"profile: nothing is recorded of devices; {name} is ignored", stacklevel=2
                )
        self.enabled = enabled
        self.record_shapes, self.with_flops = record_shapes, with_flops
        self.profile_memory, self.with_stack = profile_memory, with_stack
        self._entered = False
        self._events = EventList((), profile_memory, with_flops)
        self._lock = threading.Lock()
        self._operations = _Operations(self)

    def __enter__(self) -> profile:
        global _active
        if self.enabled:
            if self._entered:
                raise RuntimeError("Profiler context manager is not reentrant")
            if _active is not None:
                raise RuntimeError("Profiler is already enabled on this thread")
            self._entered = True
            self._origin = perf_counter_ns()
            _active = self
            self._operations.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        global _active
        if self.enabled:
            self._operations.__exit__(*exc_info)
            _active = None

    @contextmanager
    def _recorded(self, name: str, args: str | None) -> Iterator[FunctionEvent]:
        """Record an event while the context lasts."""
        begin = perf_counter_ns()
        event = FunctionEvent(name, args, (begin - self._origin) / 1e3, threading.get_ident())
        if self.with_stack:
            event.stack = _callers()
        with self._lock:
            self._events.append(event)
        bytes_before = _C._live_counts()[2] if self.profile_memory else 0
        _stack.events.append((self, event))
        try:
            yield event
        finally:
            _stack.events.pop()
            around = next((outer for owner, outer in _stack.events[-1:] if owner is self), None)
            taken = _C._live_counts()[2] - bytes_before if self.profile_memory else 0
            event.cpu_memory_usage += taken
            event.self_cpu_memory_usage += taken
            spent = (perf_counter_ns() - begin) / 1e3
            event.cpu_time_total += spent
            event.self_cpu_time_total += spent
            if around is not None:
                around.self_cpu_time_total -= spent
                around.self_cpu_memory_usage -= taken

    @property
    def function_events(self) -> EventList:
        """What was recorded; available when the context has ended."""
        if self.enabled and (not self._entered or _active is self):
            raise RuntimeError("Profiler didn't finish running")
        return self._events

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0
    ) -> EventList:
        """One event for each name, with times added up; see `EventList.key_averages`."""
        return self.function_events.key_averages(group_by_input_shape, group_by_stack_n)

    def total_average(self) -> FunctionEvent:
        """All events as one."""
        return self.function_events.total_average()

    def table(self, *args: Any, **kwargs: Any) -> str:
        """The events as text; see `EventList.table`."""
        return self.function_events.table(*args, **kwargs)

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events as JSON for chrome://tracing."""
        self.function_events.export_chrome_trace(path)

    def export_stacks(
        self, path: str | os.PathLike[str], metric: str = "self_cpu_time_total"
    ) -> None:
        """Write stacks with a metric, as flame graphs take them; needs `with_stack`."""
        self.function_events.export_stacks(path, metric)

    @property
    def self_cpu_time_total(self) -> float:
        """Wall time in any event, in microseconds."""
        return self.function_events.self_cpu_time_total

    def __str__(self) -> str:
        return str(self.function_events) if self._entered and _active is not self else repr(self)


def _callers() -> list[str]:
    """The frames of the program outside the package, innermost first."""
    return [
        f"{frame.f_code.co_filename}({frame.f_lineno}): {frame.f_code.co_name}"
        for frame in user_frames()
    ]


class record_function(ContextDecorator):
    """Mark a part of a program for the running profile, as a context or a decorator.

    Args:
        name: of the range.
        args: text kept beside the name.
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args
        self._leave: Callable[..., Any] | None = None

    def _recreate_cm(self) -> record_function:
        return record_function(self.name, self.args)

    def __enter__(self) -> record_function:
        self._leave = None
        if _active is not None:
            recorded = _active._recorded(self.name, self.args)
            recorded.__enter__()
            self._leave = recorded.__exit__
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._leave is not None:
            self._leave(None, None, None)
