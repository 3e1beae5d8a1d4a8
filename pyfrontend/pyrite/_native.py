"""Python methods of native classes: the core makes the class, the front adds what needs no core."""

from __future__ import annotations

from types import FunctionType
from typing import Any

__all__ = ["add_methods"]


def add_methods(native: type, methods: dict[str, Any]) -> None:
    """Put `methods` onto the class, under the names that messages and tracebacks should say."""
    for name, method in methods.items():
        if isinstance(method, FunctionType):
            method.__name__, method.__qualname__ = name, f"{native.__name__}.{name}"
        setattr(native, name, method)
