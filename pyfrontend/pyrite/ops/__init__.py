"""Operations that programs reach by namespace: the core's, the profiler's, and their own.

`pyrite.library` puts operators here, `pyrite.ops.namespace.name`.
"""

from __future__ import annotations

import os
from typing import Any, NoReturn

from pyrite.ops import aten, profiler

__all__ = ["aten", "load_library", "loaded_libraries", "namespace", "profiler"]

loaded_libraries: set[str] = set()
"""The paths of loaded libraries: none, see `load_library`."""


class _OpNamespace:
    """The operators of one namespace, as attributes."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"'_OpNamespace' '{self._name}' object has no attribute '{name}'")


def namespace(name: str) -> Any:
    """The namespace of that name, made on first use."""
    return globals().setdefault(name, _OpNamespace(name))


def load_library(path: str | os.PathLike[str]) -> NoReturn:
    """Not available: a library of operators in C++ calls PyTorch's own functions.

    Packages that do without such a library (torchvision) catch the error.

    Raises:
        OSError: always, as PyTorch's where a library cannot be loaded.
    """
    raise OSError(
        f"Could not load this library: {os.fspath(path)}\n"
        "  load_library: operators in C++ are compiled for PyTorch's core, which is not Pyrite's"
    )


def __getattr__(name: str) -> Any:
    """A namespace; those without operators are empty."""
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return namespace(name)
