"""Which process writes what: a door."""

from __future__ import annotations

from pyrite._doors import door_class

_MISSING = "checkpoints that several processes write"
_HERE = "distributed.checkpoint.default_planner"

DefaultLoadPlanner = door_class(f"{_HERE}.DefaultLoadPlanner", _MISSING)
DefaultSavePlanner = door_class(f"{_HERE}.DefaultSavePlanner", _MISSING)
