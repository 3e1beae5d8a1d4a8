"""Which modules are sharded on their own: a door."""

from __future__ import annotations

from pyrite._doors import door_class, door_function

_MISSING = "sharded parameters"
_HERE = "distributed.fsdp.wrap"

CustomPolicy = door_class(f"{_HERE}.CustomPolicy", _MISSING)
ModuleWrapPolicy = door_class(f"{_HERE}.ModuleWrapPolicy", _MISSING)
always_wrap_policy = door_function(f"{_HERE}.always_wrap_policy", _MISSING)
enable_wrap = door_function(f"{_HERE}.enable_wrap", _MISSING)
lambda_auto_wrap_policy = door_function(f"{_HERE}.lambda_auto_wrap_policy", _MISSING)
size_based_auto_wrap_policy = door_function(f"{_HERE}.size_based_auto_wrap_policy", _MISSING)
transformer_auto_wrap_policy = door_function(f"{_HERE}.transformer_auto_wrap_policy", _MISSING)
wrap = door_function(f"{_HERE}.wrap", _MISSING)
