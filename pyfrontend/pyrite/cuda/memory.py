"""The memory of CUDA devices: there are none, so nothing is allocated."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NoReturn

from .devices import not_enabled


class OutOfMemoryError(RuntimeError):
    """A device has no memory left for an allocation."""


def memory_allocated(device: Any = None) -> int:
    """Bytes held by tensors: 0."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that tensors held: 0."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Bytes held by the allocator: 0."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that the allocator held: 0."""
    return 0


def memory_stats(device: Any = None) -> OrderedDict[str, Any]:
    """The allocator's statistics: empty."""
    return OrderedDict()


def empty_cache() -> None:
    """Returns the allocator's cached memory to the driver; without a device nothing is cached."""


def mem_get_info(device: Any = None) -> NoReturn:
    """Free and total bytes; raises `AssertionError`."""
    raise not_enabled("mem_get_info")


def memory_summary(device: Any = None, abbreviated: bool = False) -> NoReturn:
    """A table of the allocator's statistics; raises `AssertionError`."""
    raise not_enabled("memory_summary")


def reset_peak_memory_stats(device: Any = None) -> NoReturn:
    """Starts the peak figures anew; raises `AssertionError`."""
    raise not_enabled("reset_peak_memory_stats")


def reset_max_memory_allocated(device: Any = None) -> NoReturn:
    """Starts the peak of allocated bytes anew; raises `AssertionError`."""
    raise not_enabled("reset_max_memory_allocated")


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> NoReturn:
    """Limits this process's share of a device's memory; raises `AssertionError`."""
    raise not_enabled("set_per_process_memory_fraction")


def ipc_collect() -> NoReturn:
    """Releases memory shared with other processes; raises `AssertionError`."""
    raise not_enabled("ipc_collect")
