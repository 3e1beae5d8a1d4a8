"""Saving and loading objects in PyTorch's `.pt` format (`pyrite.serialization`)."""

from collections.abc import Callable
from typing import TypeAlias

from pyrite._C import device
from pyrite._doors import door_class
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
    "DEFAULT_PROTOCOL",
    "MAP_LOCATION",
    "PyTorchFileReader",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]

DEFAULT_PROTOCOL = 2
PyTorchFileReader = door_class("PyTorchFileReader", "access to a file's single records")
MAP_LOCATION: TypeAlias = (
    Callable[[UntypedStorage, str], UntypedStorage] | device | str | dict[str, str] | None
)
