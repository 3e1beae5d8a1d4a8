"""TorchScript: a door that behaves as PyTorch under PYTORCH_JIT=0.

Scripting and tracing return the Python they are given, which computes the same values; saving,
loading and freezing need a compiled program, and raise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from pyrite._doors import door_class, door_function
from pyrite.jit._isinstance import isinstance

__all__ = [
    "Final",
    "RecursiveScriptModule",
    "ScriptFunction",
    "ScriptModule",
    "TracerWarning",
    "annotate",
    "export",
    "fork",
    "freeze",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "optimize_for_inference",
    "save",
    "script",
    "script_if_tracing",
    "trace",
    "trace_module",
    "unused",
    "wait",
]

_Value = TypeVar("_Value")
_MISSING = "TorchScript compiler"


def script(obj: _Value, *args: Any, **kwargs: Any) -> _Value:
    """Returns the function, module or class itself; further arguments are inert."""
    return obj


def trace(func: _Value, *args: Any, **kwargs: Any) -> _Value:
    """Returns the function or module itself; example inputs and options are inert."""
    return func


def trace_module(mod: _Value, *args: Any, **kwargs: Any) -> _Value:
    """Returns the module itself; example inputs and options are inert."""
    return mod


def script_if_tracing(fn: _Value) -> _Value:
    """Scripts the function when it is traced, which never happens: returns it."""
    return fn


_script_if_tracing = script_if_tracing  # torchvision's spelling


def export(fn: _Value) -> _Value:
    """Marks a method for compilation: returns it."""
    return fn


def interface(obj: _Value) -> _Value:
    """Declares a module interface: returns the class."""
    return obj


def unused(fn: _Value) -> _Value:
    """Leaves a method out of compilation: returns it."""
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Leaves a function to Python: returns it, or a decorator that does."""
    return drop if callable(drop) else unused


def annotate(the_type: Any, the_value: _Value) -> _Value:
    """Gives a value a type for the compiler: returns the value."""
    return the_value


def fork(func: Callable[..., _Value], *args: Any, **kwargs: Any) -> _Value:
    """Calls the function at once."""
    return func(*args, **kwargs)


def wait(future: _Value) -> _Value:
    """Returns what `fork` returned."""
    return future


def is_scripting() -> bool:
    """Whether code is being compiled: False."""
    return False


def is_tracing() -> bool:
    """Whether code is being traced: False."""
    return False


def _overload(func: _Value) -> _Value:
    """Declares a signature for the compiler: returns the function."""
    return func


_overload_method = _overload


class TracerWarning(Warning):
    """What PyTorch warns of while it traces; programs filter it."""


ScriptModule = door_class("jit.ScriptModule", _MISSING)
RecursiveScriptModule = door_class("jit.RecursiveScriptModule", _MISSING)
ScriptFunction = door_class("jit.ScriptFunction", _MISSING)
_get_trace_graph = door_function("jit._get_trace_graph", _MISSING)
freeze = door_function("jit.freeze", _MISSING)
load = door_function("jit.load", _MISSING)
optimize_for_inference = door_function("jit.optimize_for_inference", _MISSING)
save = door_function("jit.save", _MISSING)
