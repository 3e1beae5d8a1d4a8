"""Names of symbolic sizes: sizes here are always numbers, so no object is of these classes."""

from __future__ import annotations

import math
from typing import Any

from pyrite._doors import door_class

__all__ = ["SymBool", "SymFloat", "SymInt", "sym_float", "sym_int", "sym_not"]

_MISSING = "symbolic shapes"

SymBool = door_class("SymBool", _MISSING)
SymFloat = door_class("SymFloat", _MISSING)
SymInt = door_class("SymInt", _MISSING)


def sym_int(a: Any) -> int:
    """A number without its fraction."""
    return int(math.floor(a) if a >= 0 else math.ceil(a))


def sym_float(a: Any) -> float:
    """A number as a float."""
    return float(a)


def sym_not(a: Any) -> bool:
    """The contrary."""
    return not a
