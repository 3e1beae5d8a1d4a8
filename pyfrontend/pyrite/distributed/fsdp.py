"""Parameters sharded over processes: a door."""

from __future__ import annotations

from enum import Enum, auto

from pyrite._doors import door_class, door_function

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


CPUOffload = door_class("distributed.fsdp.CPUOffload", _MISSING)
FSDPModule = door_class("distributed.fsdp.FSDPModule", _MISSING)
FullStateDictConfig = door_class("distributed.fsdp.FullStateDictConfig", _MISSING)
FullyShardedDataParallel = door_class("distributed.fsdp.FullyShardedDataParallel", _MISSING)
MixedPrecision = door_class("distributed.fsdp.MixedPrecision", _MISSING)
MixedPrecisionPolicy = door_class("distributed.fsdp.MixedPrecisionPolicy", _MISSING)
fully_shard = door_function("distributed.fsdp.fully_shard", _MISSING)
