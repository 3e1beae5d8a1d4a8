"""State dicts of models spread over processes: a door."""

from __future__ import annotations

from pyrite._doors import door_class, door_function

_MISSING = "checkpoints that several processes write"
_HERE = "distributed.checkpoint.state_dict"

StateDictOptions = door_class(f"{_HERE}.StateDictOptions", _MISSING)
get_model_state_dict = door_function(f"{_HERE}.get_model_state_dict", _MISSING)
get_optimizer_state_dict = door_function(f"{_HERE}.get_optimizer_state_dict", _MISSING)
get_state_dict = door_function(f"{_HERE}.get_state_dict", _MISSING)
set_model_state_dict = door_function(f"{_HERE}.set_model_state_dict", _MISSING)
set_optimizer_state_dict = door_function(f"{_HERE}.set_optimizer_state_dict", _MISSING)
set_state_dict = door_function(f"{_HERE}.set_state_dict", _MISSING)
