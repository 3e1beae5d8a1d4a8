"""Top-level functions that are Python: checks and containers around ops."""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._C import Tensor

__all__ = ["is_complex", "is_floating_point", "is_nonzero", "is_storage", "is_tensor", "numel"]


def is_tensor(obj: object) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj: object) -> bool:
    """Whether `obj` is a storage."""
    return type(obj).__name__.endswith("Storage")


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a real floating-point type."""
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex."""
    return input.is_complex()


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero.

    Raises:
        RuntimeError: if there is not exactly one element.
    """
    return bool(input)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


def _named_result(op: str, fields: list[str], values: tuple[Any, ...]) -> Any:
    from pyrite.return_types import make

    return make(op, fields, values)


_C._set_named_tuple_maker(_named_result)
