"""The memory of GPUs: what tensors hold, what the pool holds, and limits."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from pyrite import _C
from pyrite._C import OutOfMemoryError as OutOfMemoryError

from .devices import get_device_properties, index_of


def memory_allocated(device: Any = None) -> int:
    """Bytes held by tensors."""
    return _memory(device, 0)


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that tensors held."""
    return _memory(device, 1)


def memory_reserved(device: Any = None) -> int:
    """Bytes taken from the driver."""
    return _memory(device, 2)


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes taken from the driver."""
    return _memory(device, 3)


def _memory(device: Any, which: int) -> int:
    index = index_of(device)
    return _C._gpu_memory(index)[which] if _C._gpu_is_open(index) else 0


def memory_stats(device: Any = None) -> OrderedDict[str, Any]:
    """The pool's figures in bytes, by PyTorch's names."""
    figures = {
        "allocated_bytes.all.current": memory_allocated(device),
        "allocated_bytes.all.peak": max_memory_allocated(device),
        "reserved_bytes.all.current": memory_reserved(device),
        "reserved_bytes.all.peak": max_memory_reserved(device),
    }
    return OrderedDict(figures)


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The pool's figures as a table; it is short already, so `abbreviated` is inert."""
    lines = [f"| {'gpu:' + str(index_of(device)):<28} | {'bytes':>16} |"]
    lines += [f"| {name:<28} | {value:>16,} |" for name, value in memory_stats(device).items()]
    return "\n".join(lines)


def total_memory(device: Any) -> int:
    """The bytes of memory next to a GPU.

    Raises:
        NotImplementedError: the driver does not tell.
    """
    properties = get_device_properties(device)
    if not properties.total_memory:
        raise NotImplementedError(
            f"gpu: the driver of {properties.name} does not tell how much memory there is\n"
            "  hint: memory_reserved() is what this process has taken"
        )
    return properties.total_memory


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Bytes that this process has not taken, and bytes in all.

    What other processes hold is not known, so it counts as free.

    Raises:
        NotImplementedError: the driver does not tell.
    """
    total = total_memory(device)
    return max(total - memory_reserved(device), 0), total


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Takes no more than this part of a GPU's memory from now on.

    Raises:
        ValueError: the fraction is outside 0 to 1.
        NotImplementedError: the driver does not tell how much memory there is.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    limit = int(fraction * total_memory(device))
    _C._gpu_limit_memory(index_of(device), limit if fraction < 1 else 2**64 - 1)


def reset_peak_memory_stats(device: Any = None) -> None:
    """Starts the peak figures anew from what is held now."""
    _C._gpu_reset_peaks(index_of(device))


def empty_cache() -> None:
    """Gives memory that no tensor holds back to the driver."""
    for index in _C._gpu_opened():
        _C._gpu_empty_cache(index)
