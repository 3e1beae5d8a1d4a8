"""Streams and events of CUDA devices: those of `pyrite.gpu`; graphs cannot be made."""

from __future__ import annotations

from typing import Any

from pyrite import _C, gpu
from pyrite._doors import not_built

from .devices import enabled, need, not_enabled


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


class CUDAGraph:
    """A recorded sequence of kernels; construction raises."""

    def __init__(self, keep_graph: bool = False) -> None:
        raise not_built("cuda.CUDAGraph", "graphs") if enabled() else not_enabled("CUDAGraph")


class graph:
    """A context whose work would be recorded into a graph: there are none."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise not_built("cuda.graph", "graphs") if enabled() else not_enabled("graph")


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
