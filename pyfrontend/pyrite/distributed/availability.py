"""What this build can do, and how this process was started."""

from __future__ import annotations

import os
from typing import Any

from pyrite import _C

__all__ = [
    "get_default_backend_for_device",
    "get_node_local_rank",
    "is_available",
    "is_backend_available",
    "is_gloo_available",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
]


def is_available() -> bool:
    """Whether this build has distributed training: True."""
    return True


def is_gloo_available() -> bool:
    """Whether `gloo` is accepted as a name of the backend: True."""
    return True


def is_nccl_available() -> bool:
    """Whether `nccl` is accepted as a name of the backend: True."""
    return True


def is_mpi_available() -> bool:
    """Whether groups can talk through MPI: mpi4py is installed."""
    from pyrite.distributed.mpi import is_installed

    return is_installed()


def is_backend_available(backend: str) -> bool:
    """Whether a backend's name is accepted."""
    name = backend.lower()
    return name in ("tcp", "gloo", "nccl") or (name == "mpi" and is_mpi_available())


def get_default_backend_for_device(device: Any) -> str:
    """The name that programs expect for tensors of a device; each stands for the same backend."""
    return "gloo" if _C.device(device).type == "cpu" else "nccl"


def is_torchelastic_launched() -> bool:
    """Whether this process was started by an elastic launcher."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


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
