"""The ops of the core by PyTorch's internal names, `ops.aten.mm.default`.

An overload (`default`, `Tensor`, `Scalar`, ...) is the op itself, which tells arguments apart.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._doors import door_function

__all__: list[str] = []


class AtenOp:
    """An op of the core, called as it is; its overloads are equal to each other."""

    def __init__(self, name: str, function: Any) -> None:
        self.__name__ = name
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __getattr__(self, overload: str) -> Any:
        if overload.startswith("_"):
            raise AttributeError(f"the op 'aten::{self.__name__}' has no overload '{overload}'")
        return self

    def __repr__(self) -> str:
        return f"aten.{self.__name__}"


def _copied(self: _C.Tensor, **options: Any) -> _C.Tensor:
    """A copy with other options, even where they are the tensor's own."""
    return self.to(copy=True, **options)


def __getattr__(name: str) -> AtenOp:
    """The op of that name, a function or a method; one that raises when called if there is none."""
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    function = getattr(_C, name, getattr(_C.Tensor, name, None))
    if name == "_to_copy":
        function = _copied
    elif not callable(function):
        function = door_function(f"ops.aten.{name}", "op of this name")
    op = globals()[name] = AtenOp(name, function)
    return op
