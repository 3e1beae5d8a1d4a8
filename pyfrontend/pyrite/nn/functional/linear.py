"""Affine and bilinear maps as functions (L6: names over `_C`).

`linear(input, weight, bias=None)`: `(*, in) x (out, in) + (out) -> (*, out)`.
`bilinear(input1, input2, weight, bias=None)`: `(*, a), (*, b), (out, a, b) -> (*, out)`.
"""

from __future__ import annotations

from pyrite._C import bilinear, linear

__all__ = ["bilinear", "linear"]
