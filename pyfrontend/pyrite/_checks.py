"""`torch._check*`: conditions that a program states, and the exception each raises when it fails.

PyTorch's compiler also learns from them; here they only test. Layer L6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyrite._C import Tensor

__all__ = [
    "_assert_async",
    "_check",
    "_check_index",
    "_check_is_size",
    "_check_not_implemented",
    "_check_tensor_all",
    "_check_type",
    "_check_value",
    "_check_with",
]

_Message = Callable[[], object] | None


def _check_with(error_type: type[Exception], cond: Any, message: _Message = None) -> None:
    """Raises `error_type` with the message that `message()` gives, unless `cond` holds.

    Raises:
        TypeError: `cond` is no bool, or `message` is not callable.
    """
    if not isinstance(cond, bool):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if cond:
        return
    if message is None:
        raise error_type(
            "Expected cond to be True, but got False. (Could this error message be improved? If "
            "so, please report an enhancement request to PyTorch.)"
        )
    if not callable(message):
        raise TypeError("message must be a callable")
    raise error_type(str(message()))


def _check(cond: Any, message: _Message = None) -> None:
    """`RuntimeError` unless `cond` holds."""
    _check_with(RuntimeError, cond, message)


def _check_index(cond: Any, message: _Message = None) -> None:
    """`IndexError` unless `cond` holds."""
    _check_with(IndexError, cond, message)


def _check_value(cond: Any, message: _Message = None) -> None:
    """`ValueError` unless `cond` holds."""
    _check_with(ValueError, cond, message)


def _check_type(cond: Any, message: _Message = None) -> None:
    """`TypeError` unless `cond` holds."""
    _check_with(TypeError, cond, message)


def _check_not_implemented(cond: Any, message: _Message = None) -> None:
    """`NotImplementedError` unless `cond` holds."""
    _check_with(NotImplementedError, cond, message)


def _check_is_size(i: int, message: _Message = None, *, max: int | None = None) -> None:
    """`RuntimeError` unless `i` can be a size: not negative, and not above `max`."""
    _check(i >= 0, message)
    if max is not None:
        _check(i <= max, message)


def _check_tensor_all(cond: Tensor, message: _Message = None) -> None:
    """`RuntimeError` unless every element of a bool tensor holds."""
    _check(bool(cond.all()), message)


def _assert_async(input: Tensor, assert_msg: str | None = None) -> None:
    """`RuntimeError` unless the one element is nonzero; waits for a GPU."""
    if not input:
        raise RuntimeError(assert_msg or "Expected Tensor with single nonzero value, but got zero")
