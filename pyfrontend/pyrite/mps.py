"""Apple's Metal devices, as PyTorch names them: none.

`device="mps"` means the GPU, which `pyrite.gpu` tells about; this module answers as a PyTorch build
without Metal does.
"""

from __future__ import annotations

from typing import NoReturn

__all__ = [
    "current_allocated_memory",
    "device_count",
    "driver_allocated_memory",
    "empty_cache",
    "get_rng_state",
    "is_available",
    "manual_seed",
    "seed",
    "set_per_process_memory_fraction",
    "synchronize",
]


def _no_backend(name: str) -> RuntimeError:
    return RuntimeError(
        f"Cannot execute {name}() without MPS backend.\n"
        f"  mps.{name}: GPUs are at pyrite.gpu"
    )


def is_available() -> bool:
    """Whether a Metal device can be used: False."""
    return False


def device_count() -> int:
    """The number of Metal devices: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seeds the Metal generators; there are none, so there is nothing to seed."""


def seed() -> None:
    """Seeds the Metal generators from entropy; there are none, so there is nothing to seed."""


def synchronize() -> NoReturn:
    """Waits for the device; raises `RuntimeError`, there is none."""
    raise _no_backend("synchronize")


def empty_cache() -> NoReturn:
    """Returns cached memory to the system; raises `RuntimeError`, there is no device."""
    raise _no_backend("empty_cache")


def get_rng_state() -> NoReturn:
    """The generator's state; raises `RuntimeError`, there is no device."""
    raise _no_backend("get_rng_state")


def current_allocated_memory() -> NoReturn:
    """Bytes held by tensors; raises `RuntimeError`, there is no device."""
    raise _no_backend("current_allocated_memory")


def driver_allocated_memory() -> NoReturn:
    """Bytes held by the driver; raises `RuntimeError`, there is no device."""
    raise _no_backend("driver_allocated_memory")


def set_per_process_memory_fraction(fraction: float) -> NoReturn:
    """Limits this process's share of memory; raises `RuntimeError`, there is no device."""
    raise _no_backend("set_per_process_memory_fraction")
