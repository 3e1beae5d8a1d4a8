"""Streams and events of GPUs.

A GPU works in one queue, in the order it was asked: all streams are that queue, so waiting for one
another is a matter of course, and an event is a mark in the queue. On places of the CPU (see
`cuda.on_cpu`) work is done when its call returns.
"""

from __future__ import annotations

import threading
import time
from itertools import count
from typing import Any

from pyrite import _C

from .devices import current_device, index_of, synchronize

_numbers = count(1)
_current = threading.local()


class _HostMark:
    """A mark on a place of the CPU: all that was asked before it is done."""

    def __init__(self, device: int) -> None:
        self.device = device
        self._time = time.perf_counter_ns()

    def query(self) -> bool:
        return True

    def synchronize(self) -> None:
        pass

    def elapsed(self, end: _HostMark) -> float:
        """Milliseconds from this mark to the other one."""
        return (end._time - self._time) / 1e6


# Any: elapsed() is only asked between marks of one kind.
def _new_mark(device: int, timed: bool) -> Any:
    return _HostMark(device) if _C._cuda_on_cpu() else _C._Event(device, timed)


class Stream:
    """A name for the work of a GPU's queue.

    Args:
        device: the GPU; None is the current one.
        priority: inert, there is one queue.
    """

    def __init__(
        self, device: Any = None, priority: int = 0, *, _number: int | None = None
    ) -> None:
        self.device = _C.device("gpu", index_of(device))
        self.device_index = index_of(device)
        self.priority = priority
        self.stream_id = next(_numbers) if _number is None else _number
        self._entered: list[stream] = []
        self._mark: tuple[int, Any] | None = None

    def wait_event(self, event: Event) -> None:
        """Later work of the stream comes after the event, as it does in one queue."""
        event.wait(self)

    def wait_stream(self, stream: Stream) -> None:
        """Later work of the stream comes after what the other one has, as it does in one queue."""
        if self.device != stream.device:
            stream.synchronize()

    def record_event(self, event: Event | None = None) -> Event:
        """Marks the end of what the stream has been asked so far."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def query(self) -> bool:
        """Whether all its work is done."""
        return bool(self._end().query())

    def synchronize(self) -> None:
        """Waits for its work; errors of that work are raised here."""
        self._end()
        if not _C._cuda_on_cpu():
            synchronize(self.device)

    def _end(self) -> Any:
        """The mark behind all its work: a new one only where there was more since the last."""
        if _C._cuda_on_cpu():
            return _new_mark(self.device_index, False)
        asked = _C._gpu_counts(self.device_index)[0]
        if self._mark is None or self._mark[0] != asked:
            self._mark = asked, _C._Event(self.device_index, False)
        return self._mark[1]

    def __enter__(self) -> Stream:
        context = stream(self)
        context.__enter__()
        self._entered.append(context)
        return self

    def __exit__(self, *exception: object) -> None:
        self._entered.pop().__exit__(*exception)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stream):
            return NotImplemented
        return (self.device, self.stream_id) == (other.device, other.stream_id)

    def __hash__(self) -> int:
        return hash((self.device, self.stream_id))

    def __repr__(self) -> str:
        return f"<pyrite.gpu.Stream device={self.device} stream_id={self.stream_id}>"


class Event:
    """A mark in a GPU's queue.

    Args:
        enable_timing: note the time on the device when the mark is reached.
        blocking: inert, waiting never spins.
        interprocess: must be False.

    Raises:
        NotImplementedError: events cannot be shared between processes.
    """

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        if interprocess:
            raise NotImplementedError("gpu.Event: events cannot be shared between processes")
        self._timed = enable_timing
        self._mark: Any = None

    def record(self, stream: Stream | None = None) -> None:
        """Marks the end of what the stream (None: the current one) has been asked so far.

        Raises:
            NotImplementedError: time is wanted and the driver has no timestamps.
        """
        device = current_device() if stream is None else stream.device_index
        self._mark = _new_mark(device, self._timed)

    def wait(self, stream: Stream | None = None) -> None:
        """Later work of the stream comes after the mark, as it does in one queue."""
        device = current_device() if stream is None else stream.device_index
        if self._mark is not None and self._mark.device != device:
            self._mark.synchronize()

    def query(self) -> bool:
        """Whether the work before the mark is done; True where nothing is marked."""
        return self._mark is None or bool(self._mark.query())

    def synchronize(self) -> None:
        """Waits for the work before the mark."""
        if self._mark is not None:
            self._mark.synchronize()

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds on the device from this mark to the other one.

        Raises:
            ValueError: one of them is not recorded, not reached, or made without timing.
        """
        if not (self._timed and end_event._timed):
            raise ValueError(
                "Both events must be created with argument 'enable_timing=True'.\n"
                "  Event.elapsed_time: hint: Event(enable_timing=True)"
            )
        if self._mark is None or end_event._mark is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        if not (self.query() and end_event.query()):
            raise ValueError(
                "Both events must be completed before calculating elapsed time.\n"
                "  Event.elapsed_time: hint: call synchronize() on the later one"
            )
        return float(self._mark.elapsed(end_event._mark))

    def __repr__(self) -> str:
        return f"<pyrite.gpu.Event recorded={self._mark is not None}>"


def default_stream(device: Any = None) -> Stream:
    """The stream that is current where no other was made so."""
    return Stream(device, _number=0)


def current_stream(device: Any = None) -> Stream:
    """The stream that is current on this thread."""
    chosen: dict[int, Stream] = getattr(_current, "streams", {})
    return chosen.get(index_of(device)) or default_stream(device)


def set_stream(stream: Stream | None) -> None:
    """Makes a stream current on this thread; None changes nothing."""
    if stream is not None:
        _current.__dict__.setdefault("streams", {})[stream.device_index] = stream


class stream:
    """Context in which a stream, and its GPU, is current; None changes nothing."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream
        self._before: tuple[int, Stream] | None = None

    def __enter__(self) -> None:
        if self.stream is not None:
            self._before = current_device(), current_stream(self.stream.device)
            set_stream(self.stream)
            _C._gpu_set_current(self.stream.device_index)

    def __exit__(self, *exception: object) -> None:
        if self._before is not None:
            device, before = self._before
            set_stream(before)
            _C._gpu_set_current(device)
