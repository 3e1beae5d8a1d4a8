"""Process-wide settings that PyTorch programs touch."""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._C import device

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_default_device",
    "get_float32_matmul_precision",
    "is_deterministic_algorithms_warn_only_enabled",
    "set_default_device",
    "set_float32_matmul_precision",
    "use_deterministic_algorithms",
]

_precision = "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """Accepts PyTorch's names; products are always computed at full precision on the CPU.

    Raises:
        ValueError: if the name is not "highest", "high" or "medium".
    """
    global _precision
    if precision not in ("highest", "high", "medium"):
        raise ValueError(
            f"float32 matmul precision must be one of highest, high, medium, got {precision!r}"
        )
    _precision = precision


def get_float32_matmul_precision() -> str:
    """The name given to `set_float32_matmul_precision`."""
    return _precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted; every kernel is deterministic for any number of threads."""


def are_deterministic_algorithms_enabled() -> bool:
    """Always: every kernel is deterministic for any number of threads."""
    return True


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether a kernel that is not deterministic only warns: False, there is none."""
    return False


def set_default_device(where: Any) -> None:
    """Where new tensors go when the call does not say; None means the CPU."""
    _C._set_default_device(device("cpu" if where is None else where))


def get_default_device() -> device:
    """Where new tensors go when the call does not say."""
    return _C._get_default_device()
