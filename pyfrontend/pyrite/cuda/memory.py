"""The memory of CUDA devices: nothing is allocated where none are shown."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from pyrite import gpu
from pyrite._C import OutOfMemoryError as OutOfMemoryError

from .devices import enabled, need


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
    """The allocator's figures in bytes, by PyTorch's names; empty without a device."""
    return gpu.memory_stats(device) if enabled() else OrderedDict()


def empty_cache() -> None:
    """Returns the allocator's cached memory to the driver; without a device nothing is cached."""
    if enabled():
        gpu.empty_cache()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Bytes this process has not taken, and in all; raises `AssertionError` without a device."""
    need("mem_get_info")
    return gpu.mem_get_info(device)


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The allocator's figures as a table; raises `AssertionError` without a device."""
    need("memory_summary")
    return gpu.memory_summary(device, abbreviated)


def reset_peak_memory_stats(device: Any = None) -> None:
    """Starts the peak figures anew; raises `AssertionError` without a device."""
    need("reset_peak_memory_stats")
    gpu.reset_peak_memory_stats(device)


def reset_max_memory_allocated(device: Any = None) -> None:
    """Starts the peak of allocated bytes anew; raises `AssertionError` without a device."""
    need("reset_max_memory_allocated")
    gpu.reset_peak_memory_stats(device)


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Limits this process's share of a device's memory; raises `AssertionError` without one."""
    need("set_per_process_memory_fraction")
    gpu.set_per_process_memory_fraction(fraction, device)


def ipc_collect() -> None:
    """Releases memory shared with other processes: none ever is; raises without a device."""
    need("ipc_collect")
