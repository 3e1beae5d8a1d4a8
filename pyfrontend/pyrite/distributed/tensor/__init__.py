"""Tensors spread over a mesh of devices: a door."""

from __future__ import annotations

from pyrite._doors import door_class, door_function

_MISSING = "device meshes"

DTensor = door_class("distributed.tensor.DTensor", _MISSING)
Partial = door_class("distributed.tensor.Partial", _MISSING)
Placement = door_class("distributed.tensor.Placement", _MISSING)
Replicate = door_class("distributed.tensor.Replicate", _MISSING)
Shard = door_class("distributed.tensor.Shard", _MISSING)
distribute_module = door_function("distributed.tensor.distribute_module", _MISSING)
distribute_tensor = door_function("distributed.tensor.distribute_tensor", _MISSING)
