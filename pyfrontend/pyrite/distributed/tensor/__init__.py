"""Tensors spread over a mesh of devices: a door; only the descriptions of placement are there."""

from __future__ import annotations

from pyrite._doors import door_class, door_function
from pyrite.distributed.tensor.placement_types import (
    Partial as Partial,
)
from pyrite.distributed.tensor.placement_types import (
    Placement as Placement,
)
from pyrite.distributed.tensor.placement_types import (
    Replicate as Replicate,
)
from pyrite.distributed.tensor.placement_types import (
    Shard as Shard,
)

_MISSING = "device meshes"

DTensor = door_class("distributed.tensor.DTensor", _MISSING)
distribute_module = door_function("distributed.tensor.distribute_module", _MISSING)
distribute_tensor = door_function("distributed.tensor.distribute_tensor", _MISSING)
