"""`Variable`, the old name of a tensor that may require gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyrite import _C
from pyrite._C import Tensor

__all__ = ["Variable"]


class _Engine:
    """The part of the engine that programs reach through `Variable._execution_engine`."""

    @staticmethod
    def queue_callback(callback: Callable[[], None]) -> None:
        """Run `callback` at the end of the backward pass around the caller."""
        _C._queue_callback(callback)


class _VariableMeta(type):
    def __instancecheck__(cls, other: object) -> bool:
        return isinstance(other, Tensor)


class Variable(metaclass=_VariableMeta):
    """Returns a tensor on the same memory with a history of its own."""

    _execution_engine = _Engine()

    def __new__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Any:
        """`data` without history; `volatile` is refused, `no_grad` took its place."""
        if volatile:
            raise NotImplementedError("Variable: volatile was removed; use pyrite.no_grad()")
        return data.detach().requires_grad_() if requires_grad else data.detach()
