"""Intel's GPUs, as PyTorch names them: not built in. The answers are those of a build without them.

Intel's GPUs are driven as `device="gpu"`, see `pyrite.gpu`.
"""

from __future__ import annotations

from typing import Any, NoReturn

from pyrite._doors import door_class

__all__ = [
    "Event",
    "Stream",
    "current_device",
    "device_count",
    "empty_cache",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "synchronize",
]

_MISSING = "XPU devices (Intel's GPUs are `gpu` devices)"

Event = door_class("xpu.Event", _MISSING)
Stream = door_class("xpu.Stream", _MISSING)


def is_available() -> bool:
    """Whether there is a device: False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether a device computes with bfloat16: False."""
    return False


def is_initialized() -> bool:
    """Whether the devices have been started: False."""
    return False


def device_count() -> int:
    """The number of devices: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seeds the current device's stream, where there is one: there is not."""


def manual_seed_all(seed: int) -> None:
    """Seeds every device's stream: there is none."""


def empty_cache() -> None:
    """Gives cached memory back: there is none."""


def _unavailable(*args: Any) -> NoReturn:
    """Raises `AssertionError`: there is no device."""
    raise AssertionError("Torch not compiled with XPU enabled")


current_device = synchronize = _unavailable
