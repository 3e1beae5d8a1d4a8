"""Tensors as DLPack capsules and back: `to_dlpack`, `from_dlpack`."""

from __future__ import annotations

from typing import Any

from pyrite._C import Tensor, from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule over the tensor's memory, to be consumed once."""
    return tensor.__dlpack__()
