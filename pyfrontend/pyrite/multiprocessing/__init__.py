"""Python's `multiprocessing`, and how tensors travel between processes.

`pyrite.multiprocessing.X` is `multiprocessing.X`; tensors in queues, pipes and arguments go by
shared memory (`reductions`), `spawn` starts the ranks of a job. The private modules carry the
DataLoader's batches: `_shm` (memory), `_transfer` (objects to buffers), `_channel` (a socket).
"""

from multiprocessing import *
from multiprocessing import __all__ as _standard

from .reductions import init_reductions
from .sharing import get_all_sharing_strategies, get_sharing_strategy, set_sharing_strategy
from .spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    *_standard,
    "ProcessContext",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]

init_reductions()
