"""Compilation: not needed. `compile` returns what it is given, so programs run eagerly.

The functions that steer PyTorch's compiler answer as they do outside compiled code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
]

_Called = TypeVar("_Called", bound=Callable[..., Any])
_MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable[..., Any] = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """Returns `model` itself; without `model`, a decorator that returns its argument.

    The settings are checked as PyTorch checks them and are inert: eager execution gives the same
    numbers.

    Raises:
        RuntimeError: both `mode` and `options`, or an unknown mode.
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if model is None:
        return _unchanged
    return _unchanged(model)


def _unchanged(model: _Called) -> _Called:
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    return model


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Keeps a function out of compilation: returns it, or a decorator that does."""
    return _unchanged if fn is None else _unchanged(fn)


def allow_in_graph(fn: _Called) -> _Called:
    """Marks a function as one operation for the compiler: returns it."""
    return _unchanged(fn)


def assume_constant_result(fn: _Called) -> _Called:
    """Marks a function's result as constant for the compiler: returns the function."""
    return _unchanged(fn)


def is_compiling() -> bool:
    """Whether code is being compiled: False."""
    return False


def is_dynamo_compiling() -> bool:
    """Whether code is being captured for compilation: False."""
    return False


def is_exporting() -> bool:
    """Whether code is being exported: False."""
    return False


def list_backends(exclude_tags: tuple[str, ...] = ("debug", "experimental")) -> list[str]:
    """The compilers that can be chosen: none."""
    return []


def reset() -> None:
    """Forgets compiled code; there is none."""


def cudagraph_mark_step_begin() -> None:
    """Marks a new iteration for recorded CUDA graphs; there are none."""
