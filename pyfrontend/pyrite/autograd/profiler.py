"""Times named parts of a program: profile and record_function.

Layer L6. What is recorded is the wall time of ranges marked with `record_function`, with the time
of nested ranges taken off for the `self` columns. Single operations, memory, shapes and devices are
not recorded; options that ask for them raise NotImplementedError.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from contextlib import ContextDecorator
from time import perf_counter_ns
from typing import Any

__all__ = ["EventList", "FunctionEvent", "profile", "record_function"]


class FunctionEvent:
    """One or several runs of a range; times in microseconds.

    Attributes:
        name, key: the range's name.
        count: number of runs.
        cpu_time_total: wall time within the range.
        self_cpu_time_total: the same without nested ranges.
        start_us: begin of the first run, since the profile began.
        thread: the thread's identifier.
        args: the text given to `record_function`.
    """

    def __init__(self, name: str, args: str | None, start_us: float, thread: int) -> None:
        self.name = self.key = name
        self.args = args
        self.count = 1
        self.start_us = start_us
        self.thread = thread
        self.cpu_time_total = 0.0
        self.self_cpu_time_total = 0.0

    @property
    def cpu_time(self) -> float:
        """Mean wall time of a run."""
        return self.cpu_time_total / self.count

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent name={self.name} count={self.count} "
            f"cpu_time={_format_time(self.cpu_time)} "
            f"self_cpu_time={_format_time(self.self_cpu_time_total)} thread={self.thread}>"
        )


def _merge(name: str, events: Iterable[FunctionEvent]) -> FunctionEvent:
    total = FunctionEvent(name, None, 0.0, 0)
    total.count = 0
    for event in events:
        total.count += event.count
        total.cpu_time_total += event.cpu_time_total
        total.self_cpu_time_total += event.self_cpu_time_total
    return total


def _format_time(us: float) -> str:
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if us >= size:
            return f"{us / size:.3f}{unit}"
    return f"{us:.3f}us"


class EventList(list[FunctionEvent]):
    """Recorded ranges in the order in which they began."""

    @property
    def self_cpu_time_total(self) -> float:
        """Wall time in any range, in microseconds."""
        return sum(event.self_cpu_time_total for event in self)

    def key_averages(self) -> EventList:
        """One event for each name, with times added up."""
        names = dict.fromkeys(event.key for event in self)
        return EventList(_merge(name, (e for e in self if e.key == name)) for name in names)

    def total_average(self) -> FunctionEvent:
        """All events as one."""
        return _merge("Total", self)

    def table(
        self, sort_by: str | None = None, row_limit: int = 100, header: str | None = None
    ) -> str:
        """The events as text.

        Args:
            sort_by: attribute to sort by, largest first, such as "self_cpu_time_total".
            row_limit: number of rows; -1 for all.
            header: a line above the table.
        """
        events: list[FunctionEvent] = list(self)
        if sort_by is not None:
            events.sort(key=lambda event: getattr(event, sort_by), reverse=True)
        total = self.self_cpu_time_total
        rows = [
            ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "Calls"]
        ]
        for event in events if row_limit < 0 else events[:row_limit]:
            rows.append([event.key, *_time_columns(event, total), str(event.count)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in rows
        ]
        rule = "  ".join("-" * width for width in widths)
        body = "\n".join([rule, lines[0], rule, *lines[1:], rule])
        title = f"{header}\n" if header else ""
        return f"{title}{body}\nSelf CPU time total: {_format_time(total)}\n"

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events as JSON for chrome://tracing."""
        events = [
            {
                "name": event.name,
                "ph": "X",
                "ts": event.start_us,
                "dur": event.cpu_time_total,
                "pid": os.getpid(),
                "tid": event.thread,
                "args": {} if event.args is None else {"args": event.args},
            }
            for event in self
        ]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events}, file)

    def __str__(self) -> str:
        return self.table()


def _time_columns(event: FunctionEvent, total: float) -> list[str]:
    def share(us: float) -> str:
        return f"{100 * us / total:.2f}%" if total else "0.00%"

    return [
        share(event.self_cpu_time_total),
        _format_time(event.self_cpu_time_total),
        share(event.cpu_time_total),
        _format_time(event.cpu_time_total),
        _format_time(event.cpu_time),
    ]


class _Stack(threading.local):
    """The open ranges of a thread."""

    def __init__(self) -> None:
        self.events: list[tuple[profile, FunctionEvent, int]] = []


_stack = _Stack()
_active: profile | None = None


class profile:
    """Record the ranges that run within this context, in all threads.

    Args:
        enabled: False records nothing.
        use_cpu: must be True.
        acc_events: inert.
        options: further options of PyTorch's profile, which must be off: they need events of single
            operations or of a device.

    Raises:
        NotImplementedError: an option that is not available.
        RuntimeError: another profile is running.
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cpu: bool = True,
        acc_events: bool = False,
        **options: Any,
    ) -> None:
        known = {"use_cuda", "use_device", "record_shapes", "with_flops", "profile_memory"}
        known |= {"with_stack", "with_modules", "use_kineto", "experimental_config"}
        for name, value in options.items():
            if name not in known:
                raise TypeError(f"profile.__init__() got an unexpected keyword argument '{name}'")
            if value:
                raise NotImplementedError(
                    f"profile: {name} is not available; it needs events of single operations, and "
                    "only ranges marked with record_function are timed"
                )
        if not use_cpu:
            raise NotImplementedError(
                "profile: only the CPU is timed; use_cpu=False is not available"
            )
        self.enabled = enabled
        self._entered = False
        self._events = EventList()
        self._lock = threading.Lock()

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
        return self

    def __exit__(self, *exc_info: object) -> None:
        global _active
        if self.enabled:
            _active = None

    def _begin(self, name: str, args: str | None) -> FunctionEvent:
        now = perf_counter_ns()
        event = FunctionEvent(name, args, (now - self._origin) / 1e3, threading.get_ident())
        with self._lock:
            self._events.append(event)
        return event

    @property
    def function_events(self) -> EventList:
        """The recorded ranges; available when the context has ended."""
        if self.enabled and (not self._entered or _active is self):
            raise RuntimeError("Profiler didn't finish running")
        return self._events

    def key_averages(self) -> EventList:
        """One event for each name, with times added up."""
        return self.function_events.key_averages()

    def total_average(self) -> FunctionEvent:
        """All events as one."""
        return self.function_events.total_average()

    def table(
        self, sort_by: str | None = None, row_limit: int = 100, header: str | None = None
    ) -> str:
        """The events as text; see `EventList.table`."""
        return self.function_events.table(sort_by, row_limit, header)

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events as JSON for chrome://tracing."""
        self.function_events.export_chrome_trace(path)

    @property
    def self_cpu_time_total(self) -> float:
        """Wall time in any range, in microseconds."""
        return self.function_events.self_cpu_time_total

    def __str__(self) -> str:
        return str(self.function_events) if self._entered and _active is not self else repr(self)


class record_function(ContextDecorator):
    """Mark a part of a program for the running profile, as a context or a decorator.

    Args:
        name: of the range.
        args: text kept beside the name.
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args

    def _recreate_cm(self) -> record_function:
        return record_function(self.name, self.args)

    def __enter__(self) -> record_function:
        owner = _active
        self._event = None if owner is None else owner._begin(self.name, self.args)
        if owner is not None and self._event is not None:
            _stack.events.append((owner, self._event, perf_counter_ns()))
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._event is None:
            return
        owner, event, begin = _stack.events.pop()
        spent = (perf_counter_ns() - begin) / 1e3
        event.cpu_time_total += spent
        event.self_cpu_time_total += spent
        if _stack.events and _stack.events[-1][0] is owner:
            _stack.events[-1][1].self_cpu_time_total -= spent
