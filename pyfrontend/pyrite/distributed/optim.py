"""Optimizers over several processes: a door."""

from __future__ import annotations

from pyrite._doors import door_class

DistributedOptimizer = door_class(
    "distributed.optim.DistributedOptimizer", "remote procedure calls"
)
ZeroRedundancyOptimizer = door_class("distributed.optim.ZeroRedundancyOptimizer", "process groups")
