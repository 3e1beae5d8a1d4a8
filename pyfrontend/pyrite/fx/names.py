"""Names in graphs: what functions and types are called in code, and unique names for values.

Layer L6. Graphs and the code made from them are text in PyTorch's dialect: functions of Pyrite are
called `torch.x` whatever name the package was imported under, and that name is defined where the
code runs. So the text is the same for both, and a graph printed by one can be read with the other.
"""

from __future__ import annotations

import builtins
import keyword
import re
import sys
import types
import typing
from collections.abc import Callable
from typing import Any

from pyrite import Tensor
from pyrite._C import device
from pyrite._typename import typename
from pyrite.overrides import public_module

__all__ = ["GLOBALS", "Namespace", "is_own", "qualified_name", "snake_case", "target_name"]


def _globals() -> dict[str, tuple[str, Any]]:
    """What generated code may name: by name, the statement that imports it and the object."""
    package = sys.modules["pyrite"]
    from pyrite.fx import _pytree as fx_pytree
    from pyrite.utils import _pytree as pytree

    return {
        "inf": ("from math import inf", float("inf")),
        "nan": ("from math import nan", float("nan")),
        "NoneType": ("NoneType = type(None)", type(None)),
        "torch": ("import pyrite as torch", package),
        "device": ("from pyrite import device", device),
        "fx_pytree": ("import pyrite.fx._pytree as fx_pytree", fx_pytree),
        "pytree": ("import pyrite.utils._pytree as pytree", pytree),
    }


GLOBALS = _globals()


def is_own(obj: Any) -> bool:
    """Whether an object is reached through `torch` in generated code."""
    module = getattr(obj, "__module__", None) or ""
    return module.partition(".")[0] == "pyrite" and obj is not device


def _as_torch(module: str) -> str:
    return "torch" + module.removeprefix("pyrite") if _is_package(module) else module


def _is_package(module: str) -> bool:
    """Whether the module is the package or in it."""
    return module == "pyrite" or module.startswith("pyrite.")


def qualified_name(func: Callable[..., Any] | type) -> str:
    """The dotted name of a function or class, as code can say it.

    Raises:
        RuntimeError: it is in a module that does not hold it under its name.
    """
    name: str | None = getattr(func, "__name__", None)
    if name is None:
        raise RuntimeError(f"{func} of type {typename(func)} has no name that code could use")
    if getattr(builtins, name, None) is func:
        return name
    if isinstance(func, types.MethodDescriptorType | types.WrapperDescriptorType):
        if getattr(Tensor, name, None) is func:
            return f"torch.Tensor.{name}"
    if name == "<lambda>":
        name = _name_of_lambda(func)
    module = public_module(func)
    return f"{_as_torch(module)}.{name}"


def _name_of_lambda(func: Any) -> str:
    """The first name under which a lambda is bound in its module."""
    for name, value in vars(sys.modules[func.__module__]).items():
        if value is func:
            return name
    raise RuntimeError(f"Could not find the name of lambda {func} in its module")


def target_name(target: Any) -> str:
    """How the listing of a graph names what a node calls."""
    if isinstance(target, str):
        return target
    name = getattr(target, "__name__", None)
    module = getattr(target, "__module__", None)
    if name is not None and module in ("builtins", "_operator"):
        return f"{module.removeprefix('_')}.{name}"
    return qualified_name(target)


def type_name(kind: Any) -> str:
    """How code and listings name a type."""
    if isinstance(kind, type) and not isinstance(kind, types.GenericAlias):
        if kind.__module__ == "builtins":
            return kind.__qualname__
        return f"{_as_torch(kind.__module__)}.{kind.__qualname__}"
    if kind is ...:
        return "..."
    if isinstance(kind, types.FunctionType):
        return kind.__name__
    return repr(kind).replace("pyrite.", "torch.")


def type_origin(kind: Any) -> Any:
    """The generic type that a parametrised one came from; None of others."""
    return typing.get_origin(kind)


_HUMP = re.compile(r"(?<=[a-z])([A-Z])")


def snake_case(name: str) -> str:
    """`someName` as `some_name`."""
    return _HUMP.sub(r"_\1", name).lower()


_NOT_IN_NAMES = re.compile(r"[^0-9a-zA-Z_]+")
_NUMBERED = re.compile(r"(.*)_(\d+)")


class Namespace:
    """Gives out names that are identifiers, no keywords or builtins, and each only once."""

    def __init__(self) -> None:
        self._names: dict[Any, str] = {}
        self._used: set[str] = set()
        self._counts: dict[str, int] = {}

    def create_name(self, candidate: str, obj: Any) -> str:
        """A free name like the candidate.

        Args:
            candidate: what the name should be; a number is appended if it is taken.
            obj: what the name is for, which may have its own name if that is reserved; or None.
        """
        if obj is not None and obj in self._names:
            return self._names[obj]
        candidate = _NOT_IN_NAMES.sub("_", candidate) or "_unnamed"
        if candidate[0].isdigit():
            candidate = f"_{candidate}"
        match = _NUMBERED.fullmatch(candidate)
        base, number = (match[1], int(match[2])) if match else (candidate, None)
        count = number or self._counts.get(base, 0)
        while candidate in self._used or self._is_reserved(candidate, obj):
            count += 1
            candidate = f"{base}_{count}"
        self._used.add(candidate)
        self._counts[base] = count
        if obj is not None:
            self._names[obj] = candidate
        return candidate

    def associate_name_with_obj(self, name: str, obj: Any) -> None:
        """Let `obj` have this name, which was created without it."""
        self._names[obj] = name

    def _is_reserved(self, name: str, obj: Any) -> bool:
        if keyword.iskeyword(name):
            return True
        if name in vars(builtins):
            return vars(builtins)[name] is not obj
        return name in GLOBALS and GLOBALS[name][1] is not obj
