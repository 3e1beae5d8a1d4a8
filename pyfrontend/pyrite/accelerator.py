"""The accelerator this build can use: none, until the GPU engine is built.

Questions have honest answers (no device, zero bytes); what needs a device raises PyTorch's error.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NoReturn

from pyrite import _C

__all__ = [
    "current_accelerator",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "set_device_index",
    "set_stream",
    "synchronize",
]


def _none_available(name: str) -> RuntimeError:
    return RuntimeError(
        "Cannot access accelerator device when none is available.\n"
        f"  accelerator.{name}: this build of Pyrite has no GPU engine"
    )


def is_available() -> bool:
    """Whether an accelerator can be used: False."""
    return False


def device_count() -> int:
    """The number of accelerators: 0."""
    return 0


def current_accelerator(check_available: bool = False) -> _C.device | None:
    """The kind of accelerator this build supports: None."""
    return None


def empty_cache() -> None:
    """Returns cached memory of the accelerator to the system; without one nothing is cached."""


def memory_allocated(device_index: Any = None, /) -> int:
    """Bytes held by tensors on the accelerator: 0."""
    return 0


def max_memory_allocated(device_index: Any = None, /) -> int:
    """The most bytes that tensors held on the accelerator: 0."""
    return 0


def memory_reserved(device_index: Any = None, /) -> int:
    """Bytes held by the accelerator's allocator: 0."""
    return 0


def max_memory_reserved(device_index: Any = None, /) -> int:
    """The most bytes that the accelerator's allocator held: 0."""
    return 0


def memory_stats(device_index: Any = None, /) -> OrderedDict[str, Any]:
    """The allocator's statistics: empty."""
    return OrderedDict()


def current_device_index() -> NoReturn:
    """The index of the current accelerator; raises `RuntimeError`, there is none."""
    raise _none_available("current_device_index")


def set_device_index(device: Any, /) -> NoReturn:
    """Makes an accelerator current; raises `RuntimeError`, there is none."""
    raise _none_available("set_device_index")


def current_stream(device: Any = None, /) -> NoReturn:
    """The accelerator's current stream; raises `RuntimeError`, there is none."""
    raise _none_available("current_stream")


def set_stream(stream: Any, /) -> NoReturn:
    """Makes a stream current; raises `RuntimeError`, there is no accelerator."""
    raise _none_available("set_stream")


def synchronize(device: Any = None, /) -> NoReturn:
    """Waits for the accelerator; raises `RuntimeError`, there is none."""
    raise _none_available("synchronize")


class device_index:
    """Context in which an accelerator is current; entering it with an index raises."""

    def __init__(self, device: int | None, /) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            raise _none_available("device_index")

    def __exit__(self, *exception: object) -> None:
        pass
