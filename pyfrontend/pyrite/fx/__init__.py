"""Symbolic tracing of modules into graphs: a door.

`wrap` marks a function as opaque to tracing; since nothing is traced, it returns its argument.
"""

from __future__ import annotations

from typing import TypeVar

from pyrite._doors import door_class, door_function

__all__ = [
    "CodeGen",
    "Graph",
    "GraphModule",
    "Interpreter",
    "Node",
    "Proxy",
    "Tracer",
    "Transformer",
    "map_arg",
    "replace_pattern",
    "symbolic_trace",
    "wrap",
]

_Marked = TypeVar("_Marked")
_MISSING = "symbolic tracer"

CodeGen = door_class("fx.CodeGen", _MISSING)
Graph = door_class("fx.Graph", _MISSING)
GraphModule = door_class("fx.GraphModule", _MISSING)
Interpreter = door_class("fx.Interpreter", _MISSING)
Node = door_class("fx.Node", _MISSING)
Proxy = door_class("fx.Proxy", _MISSING)
Tracer = door_class("fx.Tracer", _MISSING)
Transformer = door_class("fx.Transformer", _MISSING)
map_arg = door_function("fx.map_arg", _MISSING)
replace_pattern = door_function("fx.replace_pattern", _MISSING)
symbolic_trace = door_function("fx.symbolic_trace", _MISSING)


def wrap(fn_or_name: _Marked) -> _Marked:
    """Marks a module-level function, or its name, as opaque to tracing: returns it.

    Raises:
        RuntimeError: neither a function nor a name.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError(
            "Unsupported type for global function! Must be either a callable or string name"
        )
    return fn_or_name
