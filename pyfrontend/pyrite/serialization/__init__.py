"""Saving and loading objects in PyTorch's `.pt` format (`pyrite.serialization`)."""

from pyrite.serialization._load import load
from pyrite.serialization._safe import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    safe_globals,
)
from pyrite.serialization._save import save

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]
