"""Gradients across remote procedure calls: a door."""

from __future__ import annotations

from pyrite._doors import door_class, door_function

_MISSING = "remote procedure calls"

backward = door_function("distributed.autograd.backward", _MISSING)
context = door_class("distributed.autograd.context", _MISSING)
get_gradients = door_function("distributed.autograd.get_gradients", _MISSING)


def is_available() -> bool:
    """Whether this build has it: False."""
    return False
