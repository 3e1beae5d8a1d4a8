"""Begin and end of a named range as two functions, for programs written as graphs."""

from __future__ import annotations

from pyrite.autograd.profiler import record_function
from pyrite.overrides import overridable

__all__ = ["_record_function_enter", "_record_function_exit"]


@overridable
def _record_function_enter(name: str, args: str | None = None) -> record_function:
    """Begin a range; returns what ends it."""
    return record_function(name, args).__enter__()


@overridable
def _record_function_exit(handle: record_function) -> None:
    """End a range."""
    handle.__exit__(None, None, None)
