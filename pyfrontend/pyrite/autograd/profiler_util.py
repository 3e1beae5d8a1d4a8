"""What a profile records: events, their sums, and tables of them.

Layer L6. Times are in microseconds. An event's own (`self_`) time and memory leave out those of the
events within it.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable
from typing import Any

__all__ = ["EventList", "FunctionEvent"]

_DEFAULT_WIDTH = 12
_GAP = "  "
# Head, cells, and the width at which cells are cut.
_Column = tuple[str, list[str], int | None]


class FunctionEvent:
    """One or several runs of an operation or range.

    Attributes:
        name: what ran.
        key: what events are added up by; steps of a profiler share one.
        count: number of runs.
        cpu_time_total: wall time within it.
        self_cpu_time_total: the same without what ran inside.
        cpu_memory_usage: bytes of tensors that it left behind, less those it let go.
        self_cpu_memory_usage: the same without what ran inside.
        input_shapes: the shapes of its arguments, empty ones for others than tensors.
        stack: where the program ran it, innermost first.
        start_us: begin of the first run, since the profile began.
        thread: the thread's identifier.
        args: the text given to `record_function`.
        flops: floating-point operations, 0 where they are not known.
    """

    def __init__(self, name: str, args: str | None, start_us: float, thread: int) -> None:
        self.name = name
        self.key = "ProfilerStep*" if name.startswith("ProfilerStep#") else name
        self.args = args
        self.count = 1
        self.start_us = start_us
        self.thread = thread
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.input_shapes: list[list[int]] = []
        self.stack: list[str] = []
        self.flops = 0

    # Nothing is recorded of devices.
    device_time = device_time_total = self_device_time_total = 0.0
    cuda_time = cuda_time_total = self_cuda_time_total = 0.0
    device_memory_usage = self_device_memory_usage = 0
    cuda_memory_usage = self_cuda_memory_usage = 0

    @property
    def cpu_time(self) -> float:
        """Mean wall time of a run."""
        return self.cpu_time_total / self.count

    def add(self, other: FunctionEvent) -> None:
        """Add the runs of another event."""
        self.count += other.count
        self.cpu_time_total += other.cpu_time_total
        self.self_cpu_time_total += other.self_cpu_time_total
        self.cpu_memory_usage += other.cpu_memory_usage
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        self.flops += other.flops

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent name={self.name} count={self.count} "
            f"cpu_time={format_time(self.cpu_time)} "
            f"self_cpu_time={format_time(self.self_cpu_time_total)} thread={self.thread}>"
        )


def _merge(name: str, events: Iterable[FunctionEvent]) -> FunctionEvent:
    total = FunctionEvent(name, None, 0.0, 0)
    total.key, total.count = name, 0
    for event in events:
        total.add(event)
        total.input_shapes, total.stack = event.input_shapes, event.stack
    return total


def format_time(us: float) -> str:
    """A time as text."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if us >= size:
            return f"{us / size:.3f}{unit}"
    return f"{us:.3f}us"


def _format_memory(size: int) -> str:
    for unit, scale in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if abs(size) >= scale:
            return f"{size / scale:.2f} {unit}"
    return f"{size} B"


class EventList(list[FunctionEvent]):
    """Events in the order in which they began.

    Args:
        events: the events.
        profile_memory: whether memory was recorded, for tables.
        with_flops: whether floating-point operations were counted.
    """

    def __init__(
        self,
        events: Iterable[FunctionEvent] = (),
        profile_memory: bool = False,
        with_flops: bool = False,
    ) -> None:
        super().__init__(events)
        self._profile_memory, self._with_flops = profile_memory, with_flops
        self._by_shape = self._by_stack = False

    @property
    def self_cpu_time_total(self) -> float:
        """Wall time in any event."""
        return sum(event.self_cpu_time_total for event in self)

    def key_averages(
        self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0
    ) -> EventList:
        """One event for each name, with times added up.

        Args:
            group_by_input_shapes: tell runs with other shapes apart.
            group_by_stack_n: tell runs apart by so many frames of their stacks.
        """
        groups: dict[Any, list[FunctionEvent]] = {}
        for event in self:
            shapes = str(event.input_shapes) if group_by_input_shapes else ""
            stack = tuple(event.stack[:group_by_stack_n])
            groups.setdefault((event.key, shapes, stack), []).append(event)
        merged = (_merge(key[0], events) for key, events in groups.items())
        result = EventList(merged, self._profile_memory, self._with_flops)
        result._by_shape, result._by_stack = group_by_input_shapes, group_by_stack_n > 0
        return result

    def total_average(self) -> FunctionEvent:
        """All events as one."""
        return _merge("Total", self)

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
    ) -> str:
        """The events as text.

        Args:
            sort_by: attribute to sort by, largest first, such as "self_cpu_time_total".
            row_limit: number of rows; -1 for all.
            max_src_column_width: width at which places in the source are cut.
            max_name_column_width: width at which names are cut.
            max_shapes_column_width: width at which shapes are cut.
            header: a line above the table.
            top_level_events_only: must be False.

        Raises:
            AttributeError: events have no such attribute.
        """
        if top_level_events_only:
            raise NotImplementedError("table: top_level_events_only is not available")
        events: list[FunctionEvent] = list(self)
        if sort_by is not None:
            events.sort(key=lambda event: getattr(event, sort_by), reverse=True)
        total = self.self_cpu_time_total
        names = [event.key for event in events]
        columns: list[_Column] = [("Name", names, max_name_column_width)]
        columns += [(head, cells, None) for head, cells in self._numbers(events, total)]
        if self._by_shape:
            shapes = [str(event.input_shapes) for event in events]
            columns.append(("Input Shapes", shapes, max_shapes_column_width))
        if self._by_stack:
            places = [event.stack[0] if event.stack else "" for event in events]
            columns.append(("Source Location", places, max_src_column_width))
        return _drawn(columns, events, row_limit, header, total)

    def _numbers(self, events: list[FunctionEvent], total: float) -> list[tuple[str, list[str]]]:
        def share(us: float) -> str:
            return f"{100 * us / total:.2f}%" if total else "0.00%"

        columns = {
            "Self CPU %": [share(e.self_cpu_time_total) for e in events],
            "Self CPU": [format_time(e.self_cpu_time_total) for e in events],
            "CPU total %": [share(e.cpu_time_total) for e in events],
            "CPU total": [format_time(e.cpu_time_total) for e in events],
            "CPU time avg": [format_time(e.cpu_time) for e in events],
        }
        if self._profile_memory:
            columns["CPU Mem"] = [_format_memory(e.cpu_memory_usage) for e in events]
            columns["Self CPU Mem"] = [_format_memory(e.self_cpu_memory_usage) for e in events]
        columns["# of Calls"] = [str(e.count) for e in events]
        if self._with_flops:
            columns["Total MFLOPs"] = [f"{e.flops / 1e6:.3f}" if e.flops else "--" for e in events]
        return list(columns.items())

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events as JSON for chrome://tracing and Perfetto; `.gz` is compressed."""
        events = [
            {
                "name": event.name,
                "ph": "X",
                "cat": "cpu_op" if event.name.startswith("aten::") else "user_annotation",
                "ts": event.start_us,
                "dur": event.cpu_time_total,
                "pid": os.getpid(),
                "tid": event.thread,
                "args": _trace_arguments(event),
            }
            for event in self
        ]
        opened = gzip.open if os.fspath(path).endswith(".gz") else open
        with opened(path, "wt", encoding="utf-8") as file:
            json.dump({"schemaVersion": 1, "displayTimeUnit": "ms", "traceEvents": events}, file)

    def export_stacks(self, path: str | os.PathLike[str], metric: str) -> None:
        """Write stacks with a metric, such as "self_cpu_time_total", as flame graphs take them."""
        with open(path, "w", encoding="utf-8") as file:
            for event in self:
                value = int(getattr(event, metric))
                if event.stack and value > 0:
                    frames = ";".join(frame.replace(" ", "_") for frame in reversed(event.stack))
                    file.write(f"{frames} {value}\n")

    def __str__(self) -> str:
        return self.table()


def _trace_arguments(event: FunctionEvent) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if event.args is not None:
        arguments["args"] = event.args
    if event.input_shapes:
        arguments["Input Dims"] = event.input_shapes
    return arguments


def _cut(text: str, width: int | None) -> str:
    return text if width is None or len(text) <= width else f"{text[: width - 3]}..."


def _drawn(
    columns: list[_Column],
    events: list[FunctionEvent],
    limit: int,
    header: str | None,
    total: float,
) -> str:
    """Columns of heads and cells, right-aligned; wide enough for rows that are not shown, too."""
    shown = len(events) if limit < 0 else min(limit, len(events))
    heads, bodies = [], []
    for head, cells, widest in columns:
        cells = [_cut(cell, widest) for cell in cells]
        width = _DEFAULT_WIDTH
        if widest is not None:
            width = max([len(head), *map(len, cells)]) + 4
        heads.append((head, width))
        bodies.append([cell.rjust(width) for cell in cells[:shown]])
    rule = "".join("-" * width + _GAP for _, width in heads)
    title = "".join(head.rjust(width) + _GAP for head, width in heads)
    rows = ["".join(cell + _GAP for cell in row) for row in zip(*bodies, strict=True)]
    above = ["=" * (len(rule) - len(_GAP)), header] if header else []
    lines = [*above, rule, title, rule, *rows, rule]
    return "\n".join(lines) + f"\nSelf CPU time total: {format_time(total)}\n"
