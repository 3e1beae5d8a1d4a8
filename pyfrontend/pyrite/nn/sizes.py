"""Sizes given as one number or as one number per dimension (L6, no tensor code).

Pools and convolutions accept `3` for `(3, 3)`. The helpers here turn either spelling into a tuple;
a sequence passes through with its own length, because the native operator checks the length and
its message names the operator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

IntOrTuple = int | tuple[int, ...]
FloatOrTuple = float | tuple[float, ...]
OptionalIntOrTuple = int | tuple[int | None, ...]


def ntuple(count: int) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that repeats a scalar `count` times and makes any iterable a tuple."""

    def expand(value: Any) -> tuple[Any, ...]:
        return tuple(value) if isinstance(value, Iterable) else tuple(repeat(value, count))

    return expand


single = ntuple(1)
pair = ntuple(2)
triple = ntuple(3)
quadruple = ntuple(4)
sextuple = ntuple(6)


def reverse_repeat(values: Sequence[int], times: int) -> list[int]:
    """Reverse `values` and repeat each one: `(1, 2)` twice gives `[2, 2, 1, 1]`, F.pad's order."""
    return [value for value in reversed(values) for _ in range(times)]


def with_default(size: OptionalIntOrTuple, shape: Sequence[int]) -> int | list[int]:
    """Fill each `None` of an output size with the input's extent in that dimension.

    Raises:
        ValueError: if the input has no dimension beside the ones pooled.
    """
    if isinstance(size, int):
        return size
    if len(shape) <= len(size):
        raise ValueError(f"Input dimension should be at least {len(size) + 1}")
    tail = shape[len(shape) - len(size) :]
    return [
        given if given is not None else extent for given, extent in zip(size, tail, strict=True)
    ]
