"""Training in several processes: a door. `is_available()` is False, as in PyTorch built without.

Programs that ask first run in one process. Forming a group, a mesh or an RPC agent raises
`NotImplementedError`; a collective without a group raises PyTorch's `ValueError`.
"""

from __future__ import annotations

import os
from enum import Enum
from typing import Any, NoReturn

from pyrite._doors import door_class, door_function, not_built

__all__ = [
    "Backend",
    "DeviceMesh",
    "FileStore",
    "HashStore",
    "ProcessGroup",
    "ReduceOp",
    "Store",
    "TCPStore",
    "Work",
    "all_gather",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_reduce",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "gather",
    "gather_object",
    "get_backend",
    "get_node_local_rank",
    "get_rank",
    "get_world_size",
    "group",
    "init_device_mesh",
    "init_process_group",
    "irecv",
    "is_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "isend",
    "monitored_barrier",
    "new_group",
    "recv",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "scatter",
    "scatter_object_list",
    "send",
]

_MISSING = "process groups"


class ReduceOp(Enum):
    """How a reduction combines the ranks' values."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8


class group:
    """The default group, which there is none of."""

    WORLD: None = None


def is_available() -> bool:
    """Whether this build has distributed training: False."""
    return False


def is_initialized() -> bool:
    """Whether the default group has been formed: False."""
    return False


def is_mpi_available() -> bool:
    """Whether groups can talk through MPI: False."""
    return False


def is_nccl_available() -> bool:
    """Whether groups can talk through NCCL: False."""
    return False


def is_gloo_available() -> bool:
    """Whether groups can talk through Gloo: False."""
    return False


def is_torchelastic_launched() -> bool:
    """Whether this process was started by PyTorch's elastic launcher."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def init_process_group(
    backend: str | None = None, init_method: Any = None, **kwargs: Any
) -> NoReturn:
    """Forms the default group; raises `NotImplementedError`."""
    raise not_built("distributed.init_process_group", _MISSING)


def _no_group(*args: Any, **kwargs: Any) -> NoReturn:
    """Needs the default group; raises `ValueError`, there is none."""
    raise ValueError(
        "Default process group has not been initialized, "
        "please make sure to call init_process_group."
    )


# What acts on the default group fails as in PyTorch before `init_process_group`.
all_gather = _no_group
all_gather_into_tensor = _no_group
all_gather_object = _no_group
all_reduce = _no_group
all_to_all = _no_group
all_to_all_single = _no_group
barrier = _no_group
broadcast = _no_group
broadcast_object_list = _no_group
gather = _no_group
gather_object = _no_group
get_backend = _no_group
get_rank = _no_group
get_world_size = _no_group
irecv = _no_group
isend = _no_group
monitored_barrier = _no_group
new_group = _no_group
recv = _no_group
reduce = _no_group
reduce_scatter = _no_group
reduce_scatter_tensor = _no_group
scatter = _no_group
scatter_object_list = _no_group
send = _no_group


def destroy_process_group(group: Any = None) -> NoReturn:
    """Leaves the default group; raises `AssertionError`, there is none."""
    raise AssertionError("Process group cannot be None")


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """This process's rank on its host: the variable LOCAL_RANK, else `fallback_rank`.

    Raises:
        RuntimeError: neither is given.
    """
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow "
        "`get_node_local_rank` to work, assuming you are not running in a multi-device context "
        "and want the code to run locally instead."
    )


Backend = door_class("distributed.Backend", _MISSING, str)
DeviceMesh = door_class("distributed.DeviceMesh", "device meshes")
FileStore = door_class("distributed.FileStore", _MISSING)
HashStore = door_class("distributed.HashStore", _MISSING)
ProcessGroup = door_class("distributed.ProcessGroup", _MISSING)
Store = door_class("distributed.Store", _MISSING)
TCPStore = door_class("distributed.TCPStore", _MISSING)
Work = door_class("distributed.Work", _MISSING)
init_device_mesh = door_function("distributed.init_device_mesh", "device meshes")
