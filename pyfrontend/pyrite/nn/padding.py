"""Padding layers (L6): constant, zero, reflection, replication and circular, in 1 to 3 dimensions.

Each family has a base that knows the mode and subclasses that know the number of dimensions, of
which each takes two numbers, last dimension first: `(left, right, top, bottom, front, back)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pyrite._C import Tensor

from . import functional as F
from .module import Module
from .sizes import IntOrTuple, pair, quadruple, sextuple

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

_EXPAND: dict[int, Callable[[Any], tuple[int, ...]]] = {1: pair, 2: quadruple, 3: sextuple}


class _PadNd(Module):
    """Widths of the padding of the last `_rank` dimensions, filled by `_mode`."""

    __constants__: ClassVar[list[str]] = ["padding"]
    _rank: ClassVar[int]
    _mode: ClassVar[str]
    padding: tuple[int, ...]

    def __init__(self, padding: IntOrTuple) -> None:
        super().__init__()
        self.padding = _EXPAND[self._rank](padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    __constants__: ClassVar[list[str]] = ["padding", "value"]
    value: float

    def __init__(self, padding: IntOrTuple, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Pad the last dimension with a value."""

    _rank = 1


class ConstantPad2d(_ConstantPadNd):
    """Pad the last two dimensions with a value."""

    _rank = 2


class ConstantPad3d(_ConstantPadNd):
    """Pad the last three dimensions with a value."""

    _rank = 3


class ZeroPad1d(ConstantPad1d):
    """Pad the last dimension with zeros."""

    def __init__(self, padding: IntOrTuple) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Pad the last two dimensions with zeros."""

    def __init__(self, padding: IntOrTuple) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Pad the last three dimensions with zeros."""

    def __init__(self, padding: IntOrTuple) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReflectionPadNd(_PadNd):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Mirror `(N, C, L)` at its ends, without repeating them."""

    _rank = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Mirror `(N, C, H, W)` at its borders, without repeating them."""

    _rank = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Mirror `(N, C, D, H, W)` at its borders, without repeating them."""

    _rank = 3


class _ReplicationPadNd(_PadNd):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """Repeat the ends of `(N, C, L)`."""

    _rank = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Repeat the borders of `(N, C, H, W)`."""

    _rank = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Repeat the borders of `(N, C, D, H, W)`."""

    _rank = 3


class _CircularPadNd(_PadNd):
    _mode = "circular"

    def _check_input_dim(self, input: Tensor) -> None:
        low, high = self._rank + 1, self._rank + 2
        if input.dim() not in (low, high):
            raise ValueError(f"expected {low}D or {high}D input (got {input.dim()}D input)")

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """Continue `(N, C, L)` periodically."""

    _rank = 1


class CircularPad2d(_CircularPadNd):
    """Continue `(N, C, H, W)` periodically."""

    _rank = 2


class CircularPad3d(_CircularPadNd):
    """Continue `(N, C, D, H, W)` periodically."""

    _rank = 3
