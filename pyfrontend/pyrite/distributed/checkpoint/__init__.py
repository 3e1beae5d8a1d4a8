"""Checkpoints that several processes write together: a door."""

from __future__ import annotations

from pyrite._doors import door_class, door_function

_MISSING = "checkpoints that several processes write"
_HERE = "distributed.checkpoint"

FileSystemReader = door_class(f"{_HERE}.FileSystemReader", _MISSING)
FileSystemWriter = door_class(f"{_HERE}.FileSystemWriter", _MISSING)
async_save = door_function(f"{_HERE}.async_save", _MISSING)
load = door_function(f"{_HERE}.load", _MISSING)
load_state_dict = door_function(f"{_HERE}.load_state_dict", _MISSING)
save = door_function(f"{_HERE}.save", _MISSING)
save_state_dict = door_function(f"{_HERE}.save_state_dict", _MISSING)
