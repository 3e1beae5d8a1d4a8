"""The CPU as a device, beside `pyrite.cuda`: there is one, and nothing on it is ever pending.

`stream` and `Stream` exist for code that is written for any kind of device; they order nothing.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from pyrite.cpu import amp

__all__ = [
    "Stream",
    "amp",
    "current_device",
    "current_stream",
    "device_count",
    "is_available",
    "is_initialized",
    "set_device",
    "stream",
    "synchronize",
]


class Stream:
    """A queue of work; on the CPU every operation is done when it returns."""

    def __init__(self, priority: int = -1) -> None:
        """`priority` is inert."""

    def wait_stream(self, stream: Stream) -> None:
        """Nothing is pending."""


_STREAM = Stream()


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """The name of the device."""
    return "cpu"


def set_device(device: Any) -> None:
    """Nothing: there is one device."""


def synchronize(device: Any = None) -> None:
    """Nothing: operations are done when they return."""


def current_stream(device: Any = None) -> Stream:
    """The only stream."""
    return _STREAM


def stream(stream: Stream | None) -> AbstractContextManager[Stream | None]:
    """A context in which `stream` is the current one."""
    return nullcontext(stream)
