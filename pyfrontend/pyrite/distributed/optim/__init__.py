"""Optimizers over several processes."""

from __future__ import annotations

from pyrite._doors import door_class

from .zero_redundancy_optimizer import ZeroRedundancyOptimizer

__all__ = ["DistributedOptimizer", "ZeroRedundancyOptimizer"]

DistributedOptimizer = door_class(
    "distributed.optim.DistributedOptimizer", "remote procedure calls"
)
