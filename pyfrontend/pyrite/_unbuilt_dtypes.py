"""Dtypes that exist as names only: programs list them in tables of dtypes.

Layer: Python front end. To `isinstance` they are dtypes, and they say what PyTorch's say; the core
takes none of them, so that a tensor of one cannot be made.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C

__all__ = [
    "float4_e2m1fn_x2",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "uint16",
    "uint32",
    "uint64",
]


class UnbuiltDType:
    """A dtype without tensors: its name and the facts that PyTorch's dtypes tell."""

    __class__: Any = property(lambda self: _C.dtype)  # what `isinstance` sees

    def __init__(self, name: str, itemsize: int) -> None:
        self._name = name
        self.itemsize = itemsize
        self.is_floating_point = name.startswith("float")
        self.is_complex = False
        self.is_signed = not name.startswith("uint") and name != "float8_e8m0fnu"

    def __repr__(self) -> str:
        return f"{_C._display_name()}.{self._name}"

    def __reduce__(self) -> str:
        return self._name

    def to_real(self) -> UnbuiltDType:
        """Itself: all of them are real."""
        return self


def _unbuilt(name: str, itemsize: int) -> UnbuiltDType:
    """The dtype, of a class of its own: messages about wrong arguments say the class's name."""
    kind = type(f"torch.{name} (not built)", (UnbuiltDType,), {"__module__": __name__})
    dtype: UnbuiltDType = kind(name, itemsize)
    return dtype


float4_e2m1fn_x2: UnbuiltDType = _unbuilt("float4_e2m1fn_x2", 1)
float8_e4m3fn: UnbuiltDType = _unbuilt("float8_e4m3fn", 1)
float8_e4m3fnuz: UnbuiltDType = _unbuilt("float8_e4m3fnuz", 1)
float8_e5m2: UnbuiltDType = _unbuilt("float8_e5m2", 1)
float8_e5m2fnuz: UnbuiltDType = _unbuilt("float8_e5m2fnuz", 1)
float8_e8m0fnu: UnbuiltDType = _unbuilt("float8_e8m0fnu", 1)
uint16: UnbuiltDType = _unbuilt("uint16", 2)
uint32: UnbuiltDType = _unbuilt("uint32", 4)
uint64: UnbuiltDType = _unbuilt("uint64", 8)
