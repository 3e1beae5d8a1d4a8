"""What functions that describe operators to the ONNX exporter are written with."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["parse_args"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def parse_args(*arg_descriptors: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Says what a description takes: `v` values, `i` and `f` numbers, `none` nothing; a decorator.

    Args:
        arg_descriptors: inert without an exporter: only it calls the function.
    """
    return lambda fn: fn
