"""Streams, events and graphs of CUDA devices: none can be made."""

from __future__ import annotations

from typing import Any, NoReturn

from .devices import not_enabled


class Stream:
    """A queue of work on a device; construction raises `AssertionError`."""

    def __init__(self, device: Any = None, priority: int = 0, **kwargs: Any) -> None:
        raise not_enabled("Stream")


class Event:
    """A mark in a stream; construction raises `AssertionError`."""

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        raise not_enabled("Event")


class CUDAGraph:
    """A recorded sequence of kernels; construction raises `AssertionError`."""

    def __init__(self, keep_graph: bool = False) -> None:
        raise not_enabled("CUDAGraph")


def current_stream(device: Any = None) -> NoReturn:
    """The current stream; raises `AssertionError`."""
    raise not_enabled("current_stream")


def default_stream(device: Any = None) -> NoReturn:
    """The default stream; raises `AssertionError`."""
    raise not_enabled("default_stream")


class stream:
    """Context in which a stream is current; None, the only stream there can be, changes nothing."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass
