"""Shapes of the parts of a tensor on a mesh of devices: a door."""

from __future__ import annotations

from pyrite._doors import door_function

compute_local_shape_and_global_offset = door_function(
    "distributed.tensor._utils.compute_local_shape_and_global_offset", "device meshes"
)
