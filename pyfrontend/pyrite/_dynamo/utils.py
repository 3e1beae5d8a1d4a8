"""What programs ask the compiler about."""

from __future__ import annotations

import pyrite

__all__ = ["is_compile_supported"]


def is_compile_supported(device_type: str | pyrite.device) -> bool:
    """Whether `compile` takes functions for the device: wherever they run, they run eagerly."""
    return pyrite.device(device_type).type != "meta"
