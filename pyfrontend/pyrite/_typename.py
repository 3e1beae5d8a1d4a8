"""The name of an object's type as error messages print it (`pyrite.typename`).

Layer: Python front end, no dependencies but the core. A tensor is named by its storage type
(`torch.FloatTensor`), anything else by module and qualified name, built-ins without the module.
"""

from __future__ import annotations

from types import ModuleType

from pyrite._C import Tensor

__all__ = ["typename"]


def typename(obj: object) -> str:
    """Return the type of `obj` as text, for instance `int` or `torch.FloatTensor`.

    Args:
        obj: a tensor, a class or any other object. A class or function gives its own name.
    """
    if isinstance(obj, Tensor):
        return str(obj.type())
    if isinstance(obj, ModuleType):
        return obj.__name__
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None) or ""
    name: str = named.__qualname__
    return name if module in ("", "builtins") else f"{module}.{name}"
