"""Operations that programs reach by namespace: the core's, the profiler's, and their own.

`pyrite.library` puts operators here, `pyrite.ops.namespace.name`.
"""

from __future__ import annotations

from typing import Any

from pyrite.ops import aten, profiler

__all__ = ["aten", "namespace", "profiler"]


class _OpNamespace:
    """The operators of one namespace, as attributes."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"'_OpNamespace' '{self._name}' object has no attribute '{name}'")


def namespace(name: str) -> Any:
    """The namespace of that name, made on first use."""
    return globals().setdefault(name, _OpNamespace(name))


def __getattr__(name: str) -> Any:
    """A namespace; those without operators are empty."""
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return namespace(name)
