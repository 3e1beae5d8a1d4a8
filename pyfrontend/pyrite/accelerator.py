"""The accelerator of this machine: its GPUs.

Without one questions have honest answers (no device, zero bytes); what needs a device raises
PyTorch's error.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from pyrite import _C, gpu

__all__ = [
    "current_accelerator",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "get_memory_info",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_peak_memory_stats",
    "set_device_index",
    "set_stream",
    "synchronize",
]


def _none_available(name: str) -> RuntimeError:
    return RuntimeError(
        "Cannot access accelerator device when none is available.\n"
        f"  accelerator.{name}: no GPU adapter can be used here; see `pyrite gpu`"
    )


def _need(name: str) -> None:
    if not gpu.is_available():
        raise _none_available(name)


def is_available() -> bool:
    """Whether an accelerator can be used."""
    return gpu.is_available()


def device_count() -> int:
    """The number of accelerators."""
    return gpu.device_count()


def current_accelerator(check_available: bool = False) -> _C.device | None:
    """The kind of accelerator this machine has, without a number; None without one."""
    return _C.device("gpu") if gpu.is_available() else None


def empty_cache() -> None:
    """Returns cached memory of the accelerator to the system; without one nothing is cached."""
    gpu.empty_cache()


def memory_allocated(device_index: Any = None, /) -> int:
    """Bytes held by tensors on the accelerator."""
    return gpu.memory_allocated(device_index)


def max_memory_allocated(device_index: Any = None, /) -> int:
    """The most bytes that tensors held on the accelerator."""
    return gpu.max_memory_allocated(device_index)


def memory_reserved(device_index: Any = None, /) -> int:
    """Bytes held by the accelerator's allocator."""
    return gpu.memory_reserved(device_index)


def max_memory_reserved(device_index: Any = None, /) -> int:
    """The most bytes that the accelerator's allocator held."""
    return gpu.max_memory_reserved(device_index)


def memory_stats(device_index: Any = None, /) -> OrderedDict[str, Any]:
    """The allocator's statistics by PyTorch's names; empty without an accelerator."""
    if not gpu.is_available():
        return OrderedDict()
    return gpu.memory_stats(device_index)


def get_memory_info(device_index: Any = None, /) -> tuple[int, int]:
    """Bytes that this process has not taken, and bytes in all; raises without an accelerator."""
    _need("get_memory_info")
    return gpu.mem_get_info(device_index)


def reset_peak_memory_stats(device_index: Any = None, /) -> None:
    """Starts the peak figures anew; without an accelerator there are none."""
    if gpu.is_available():
        gpu.reset_peak_memory_stats(device_index)


def current_device_index() -> int:
    """The index of the current accelerator; raises `RuntimeError` without one."""
    _need("current_device_index")
    return gpu.current_device()


def set_device_index(device: Any, /) -> None:
    """Makes an accelerator current; raises `RuntimeError` without one."""
    _need("set_device_index")
    gpu.set_device(device)


def current_stream(device: Any = None, /) -> gpu.Stream:
    """The accelerator's current stream; raises `RuntimeError` without one."""
    _need("current_stream")
    return gpu.current_stream(device)


def set_stream(stream: gpu.Stream, /) -> None:
    """Makes a stream, and its accelerator, current; raises `RuntimeError` without one."""
    _need("set_stream")
    gpu.set_stream(stream)
    gpu.set_device(stream.device)


def synchronize(device: Any = None, /) -> None:
    """Waits for the accelerator; raises `RuntimeError` without one."""
    _need("synchronize")
    gpu.synchronize(device)


class device_index(gpu.device):
    """Context in which an accelerator is current; entering it with an index raises without one."""

    def __enter__(self) -> None:
        if self.idx >= 0:
            _need("device_index")
        super().__enter__()
