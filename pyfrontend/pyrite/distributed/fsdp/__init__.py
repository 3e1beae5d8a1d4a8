"""Parameters sharded over processes: a door."""

from __future__ import annotations

from enum import Enum, auto

from pyrite._doors import door_class, door_function

__all__ = [
    "BackwardPrefetch",
    "CPUOffload",
    "CPUOffloadPolicy",
    "FSDPModule",
    "FullOptimStateDictConfig",
    "FullStateDictConfig",
    "FullyShardedDataParallel",
    "LocalStateDictConfig",
    "MixedPrecision",
    "MixedPrecisionPolicy",
    "OffloadPolicy",
    "OptimStateKeyType",
    "ShardedOptimStateDictConfig",
    "ShardedStateDictConfig",
    "ShardingStrategy",
    "StateDictType",
    "fully_shard",
]

_MISSING = "sharded parameters"


class ShardingStrategy(Enum):
    """What is sharded: parameters, gradients and optimizer state, or fewer of them."""

    FULL_SHARD = auto()
    SHARD_GRAD_OP = auto()
    NO_SHARD = auto()
    HYBRID_SHARD = auto()


class StateDictType(Enum):
    """The form of a sharded module's `state_dict`."""

    FULL_STATE_DICT = auto()
    LOCAL_STATE_DICT = auto()
    SHARDED_STATE_DICT = auto()


class BackwardPrefetch(Enum):
    """When backward fetches the next parameters."""

    BACKWARD_PRE = auto()
    BACKWARD_POST = auto()


class OptimStateKeyType(Enum):
    """What an optimizer's state is keyed by."""

    PARAM_NAME = auto()
    PARAM_ID = auto()


CPUOffload = door_class("distributed.fsdp.CPUOffload", _MISSING)
CPUOffloadPolicy = door_class("distributed.fsdp.CPUOffloadPolicy", _MISSING)
FSDPModule = door_class("distributed.fsdp.FSDPModule", _MISSING)
FullOptimStateDictConfig = door_class("distributed.fsdp.FullOptimStateDictConfig", _MISSING)
FullStateDictConfig = door_class("distributed.fsdp.FullStateDictConfig", _MISSING)
FullyShardedDataParallel = door_class("distributed.fsdp.FullyShardedDataParallel", _MISSING)
LocalStateDictConfig = door_class("distributed.fsdp.LocalStateDictConfig", _MISSING)
MixedPrecision = door_class("distributed.fsdp.MixedPrecision", _MISSING)
MixedPrecisionPolicy = door_class("distributed.fsdp.MixedPrecisionPolicy", _MISSING)
OffloadPolicy = door_class("distributed.fsdp.OffloadPolicy", _MISSING)
ShardedOptimStateDictConfig = door_class("distributed.fsdp.ShardedOptimStateDictConfig", _MISSING)
ShardedStateDictConfig = door_class("distributed.fsdp.ShardedStateDictConfig", _MISSING)
fully_shard = door_function("distributed.fsdp.fully_shard", _MISSING)
