"""The memory of CUDA devices: nothing is allocated where none are shown."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NoReturn

from pyrite import gpu
from pyrite._C import OutOfMemoryError as OutOfMemoryError

from .devices import enabled, need, not_enabled


def memory_allocated(device: Any = None) -> int:
    """Bytes held by tensors."""
    return gpu.memory_allocated(device) if enabled() else 0


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that tensors held."""
    return gpu.max_memory_allocated(device) if enabled() else 0


def memory_reserved(device: Any = None) -> int:
    """Bytes held by the allocator."""
    return gpu.memory_reserved(device) if enabled() else 0


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that the allocator held."""
    return gpu.max_memory_reserved(device) if enabled() else 0


def memory_stats(device: Any = None) -> OrderedDict[str, Any]:
    """The allocator's statistics: empty."""
    return OrderedDict()


def empty_cache() -> None:
    """Returns the allocator's cached memory to the driver; without a device nothing is cached."""
    if enabled():
        gpu.empty_cache()


def mem_get_info(device: Any = None) -> NoReturn:
    """Free and total bytes; raises `AssertionError`."""
    raise not_enabled("mem_get_info")


def memory_summary(device: Any = None, abbreviated: bool = False) -> NoReturn:
    """A table of the allocator's statistics; raises `AssertionError`."""
    raise not_enabled("memory_summary")


def reset_peak_memory_stats(device: Any = None) -> None:
    """Starts the peak figures anew; raises `AssertionError` without a device."""
    need("reset_peak_memory_stats")
    gpu.reset_peak_memory_stats(device)


def reset_max_memory_allocated(device: Any = None) -> None:
    """Starts the peak of allocated bytes anew; raises `AssertionError` without a device."""
    need("reset_max_memory_allocated")
    gpu.reset_peak_memory_stats(device)


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> NoReturn:
    """Limits this process's share of a device's memory; raises `AssertionError`."""
    raise not_enabled("set_per_process_memory_fraction")


def ipc_collect() -> NoReturn:
    """Releases memory shared with other processes; raises `AssertionError`."""
    raise not_enabled("ipc_collect")
