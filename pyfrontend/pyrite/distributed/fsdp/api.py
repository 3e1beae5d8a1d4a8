"""Settings of sharded parameters: a door, under the path of their definitions."""

from __future__ import annotations

from pyrite.distributed.fsdp import (
    BackwardPrefetch as BackwardPrefetch,
)
from pyrite.distributed.fsdp import (
    CPUOffload as CPUOffload,
)
from pyrite.distributed.fsdp import (
    FullOptimStateDictConfig as FullOptimStateDictConfig,
)
from pyrite.distributed.fsdp import (
    FullStateDictConfig as FullStateDictConfig,
)
from pyrite.distributed.fsdp import (
    LocalStateDictConfig as LocalStateDictConfig,
)
from pyrite.distributed.fsdp import (
    MixedPrecision as MixedPrecision,
)
from pyrite.distributed.fsdp import (
    ShardedOptimStateDictConfig as ShardedOptimStateDictConfig,
)
from pyrite.distributed.fsdp import (
    ShardedStateDictConfig as ShardedStateDictConfig,
)
from pyrite.distributed.fsdp import (
    ShardingStrategy as ShardingStrategy,
)
from pyrite.distributed.fsdp import (
    StateDictType as StateDictType,
)
