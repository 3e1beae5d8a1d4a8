"""Where PyTorch captures programs for compilation: nothing is captured, programs run eagerly.

What steers it answers as outside of compiled code (see `pyrite.compiler`).
"""

from __future__ import annotations

from typing import Any

from pyrite._doors import door_function
from pyrite.compiler import (
    allow_in_graph,
    assume_constant_result,
    disable,
    is_compiling,
    list_backends,
    reset,
)

from . import config, eval_frame

__all__ = [
    "OptimizedModule",
    "allow_in_graph",
    "assume_constant_result",
    "config",
    "disable",
    "disallow_in_graph",
    "eval_frame",
    "explain",
    "export",
    "graph_break",
    "is_compiling",
    "list_backends",
    "mark_dynamic",
    "mark_static",
    "mark_static_address",
    "maybe_mark_dynamic",
    "reset",
]

OptimizedModule = eval_frame.OptimizedModule
disallow_in_graph = disable
explain = door_function("_dynamo.explain", "compiler")
export = door_function("_dynamo.export", "compiler")


def graph_break(msg: str = "") -> None:
    """Ends a captured graph; there is none."""


def mark_dynamic(t: Any, index: Any, **inert: Any) -> None:
    """Tells the compiler that a size changes; every size may change here."""


maybe_mark_dynamic = mark_dynamic


def mark_static(t: Any, index: Any = None) -> None:
    """Tells the compiler that a size stays; nothing is compiled for it."""


def mark_static_address(t: Any, guard: bool = True) -> None:
    """Tells the compiler that a tensor stays in its place; nothing is compiled for it."""
