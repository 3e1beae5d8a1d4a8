"""Saving and loading objects in PyTorch's `.pt` format (`pyrite.serialization`)."""

from collections.abc import Callable
from typing import TypeAlias

from pyrite._C import device
from pyrite.serialization._load import load
from pyrite.serialization._safe import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    safe_globals,
)
from pyrite.serialization._save import save
from pyrite.storage import UntypedStorage

__all__ = [
    "MAP_LOCATION",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]

MAP_LOCATION: TypeAlias = (
    Callable[[UntypedStorage, str], UntypedStorage] | device | str | dict[str, str] | None
)
