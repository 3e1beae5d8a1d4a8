"""Parameters sharded over processes: a door, under an older path."""

from __future__ import annotations

from pyrite.distributed.fsdp import (
    CPUOffloadPolicy as CPUOffloadPolicy,
)
from pyrite.distributed.fsdp import (
    FSDPModule as FSDPModule,
)
from pyrite.distributed.fsdp import (
    MixedPrecisionPolicy as MixedPrecisionPolicy,
)
from pyrite.distributed.fsdp import (
    OffloadPolicy as OffloadPolicy,
)
from pyrite.distributed.fsdp import (
    fully_shard as fully_shard,
)
