"""`Variable`, the old name of a tensor that may require gradients."""

from __future__ import annotations

from typing import Any

from pyrite._C import Tensor

__all__ = ["Variable"]


class _VariableMeta(type):
    def __instancecheck__(cls, other: object) -> bool:
        return isinstance(other, Tensor)


class Variable(metaclass=_VariableMeta):
    """Returns the tensor itself, asked for gradients if wished."""

    def __new__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Any:
        """`data` as a tensor of its own history."""
        return data.detach().requires_grad_() if requires_grad else data.detach()
