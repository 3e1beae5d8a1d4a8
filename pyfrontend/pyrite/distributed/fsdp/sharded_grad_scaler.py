"""Gradient scaling for sharded parameters: a door."""

from __future__ import annotations

from pyrite._doors import door_class

ShardedGradScaler = door_class(
    "distributed.fsdp.sharded_grad_scaler.ShardedGradScaler", "sharded parameters"
)
