"""Streams and events of CUDA devices: those of `pyrite.gpu`."""

from __future__ import annotations

from typing import Any

from pyrite import _C, gpu

from .devices import need


class Stream(gpu.Stream):
    """A name for the work of a device's queue; construction raises `AssertionError` without one."""

    def __init__(self, device: Any = None, priority: int = 0, **kwargs: Any) -> None:
        need("Stream")
        super().__init__(device, priority, **kwargs)
        self.device = _C.device("cuda", self.device.index)


class Event(gpu.Event):
    """A mark in a device's queue; construction raises `AssertionError` without one."""

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        need("Event")
        super().__init__(enable_timing, blocking, interprocess)


def current_stream(device: Any = None) -> gpu.Stream:
    """The current stream of a device; raises `AssertionError` without one."""
    need("current_stream")
    return gpu.current_stream(device)


def default_stream(device: Any = None) -> gpu.Stream:
    """The stream that is current where no other was made so; raises without a device."""
    need("default_stream")
    return gpu.default_stream(device)


def set_stream(stream: gpu.Stream | None) -> None:
    """Makes a stream current; None, the only one there is without a device, changes nothing."""
    gpu.set_stream(stream)


class stream(gpu.stream):
    """Context in which a stream is current; None changes nothing."""


StreamContext = stream
