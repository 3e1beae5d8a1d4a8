"""Apple's Metal devices, as PyTorch names them: the GPUs of `pyrite.gpu`, where Metal drives them.

`device="mps"` means the GPU on every machine. On others this module answers as a PyTorch build
without Metal does.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C, gpu

__all__ = [
    "Event",
    "current_allocated_memory",
    "device_count",
    "driver_allocated_memory",
    "empty_cache",
    "get_rng_state",
    "is_available",
    "manual_seed",
    "recommended_max_memory",
    "seed",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "synchronize",
]


def is_available() -> bool:
    """Whether a Metal device can be used."""
    return any(a["refusal"] is None and a["driver"].startswith("metal") for a in gpu.adapters())


def _need(name: str) -> None:
    if not is_available():
        raise RuntimeError(
            f"Cannot execute {name}() without MPS backend.\n"
            f"  mps.{name}: no Metal device can be used; other GPUs are at pyrite.gpu"
        )


def device_count() -> int:
    """The number of Metal devices."""
    return gpu.device_count() if is_available() else 0


def manual_seed(seed: int) -> None:
    """Seeds the device's stream, where there is one."""
    if is_available():
        gpu.manual_seed(seed)


def seed() -> None:
    """Seeds the device's stream from entropy, where there is one."""
    if is_available():
        gpu.seed()


def synchronize() -> None:
    """Waits for the device; raises `RuntimeError` without one."""
    _need("synchronize")
    gpu.synchronize()


def empty_cache() -> None:
    """Returns cached memory to the system; raises `RuntimeError` without a device."""
    _need("empty_cache")
    gpu.empty_cache()


def get_rng_state() -> _C.Tensor:
    """The state of the device's stream; raises `RuntimeError` without a device."""
    _need("get_rng_state")
    return gpu.get_rng_state()


def set_rng_state(new_state: _C.Tensor) -> None:
    """Continues the device's stream from a state; raises `RuntimeError` without a device."""
    _need("set_rng_state")
    gpu.set_rng_state(new_state)


def current_allocated_memory() -> int:
    """Bytes held by tensors; raises `RuntimeError` without a device."""
    _need("current_allocated_memory")
    return gpu.memory_allocated()


def driver_allocated_memory() -> int:
    """Bytes taken from the driver; raises `RuntimeError` without a device."""
    _need("driver_allocated_memory")
    return gpu.memory_reserved()


def recommended_max_memory() -> int:
    """Bytes of memory of the device; raises `RuntimeError` without one."""
    _need("recommended_max_memory")
    return gpu.mem_get_info()[1]


def set_per_process_memory_fraction(fraction: float) -> None:
    """Limits this process's share of memory; raises `RuntimeError` without a device."""
    _need("set_per_process_memory_fraction")
    gpu.set_per_process_memory_fraction(fraction)


class Event(gpu.Event):
    """A mark in the device's queue; construction raises `RuntimeError` without a device."""

    def __init__(self, enable_timing: bool = False) -> None:
        _need("Event")
        super().__init__(enable_timing)

    def record(self, stream: Any = None) -> None:
        """Marks the end of what the device has been asked so far."""
        super().record(stream)
