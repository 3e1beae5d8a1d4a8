"""Layers split over a mesh of devices: a door."""

from __future__ import annotations

from pyrite._doors import door_class, door_function

_MISSING = "device meshes"

ColwiseParallel = door_class("distributed.tensor.parallel.ColwiseParallel", _MISSING)
PrepareModuleInput = door_class("distributed.tensor.parallel.PrepareModuleInput", _MISSING)
PrepareModuleOutput = door_class("distributed.tensor.parallel.PrepareModuleOutput", _MISSING)
RowwiseParallel = door_class("distributed.tensor.parallel.RowwiseParallel", _MISSING)
SequenceParallel = door_class("distributed.tensor.parallel.SequenceParallel", _MISSING)
loss_parallel = door_function("distributed.tensor.parallel.loss_parallel", _MISSING)
parallelize_module = door_function("distributed.tensor.parallel.parallelize_module", _MISSING)
