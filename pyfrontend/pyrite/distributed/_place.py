"""Where this process stands in a job, read from what launchers leave in the environment.

A pure function of the environment: torchrun's variables first, then those of SLURM's srun, of Open
MPI and of MPICH-like launchers. An explicit MASTER_ADDR or MASTER_PORT always counts.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Place", "from_environ"]

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Place:
    """A process among the ranks of a job.

    Attributes:
        launcher: who started it: `torchrun`, `slurm`, `openmpi` or `pmi`.
        rank: its rank.
        world_size: number of ranks.
        local_rank: its rank on its host; None if unknown.
        local_world_size: number of ranks on its host; None if unknown.
        master_addr: where rank 0 is; None if the user has to say.
        master_port: the port to meet at; None if the user has to say.
    """

    launcher: str
    rank: int
    world_size: int
    local_rank: int | None
    local_world_size: int | None
    master_addr: str | None
    master_port: int | None


# Launcher: rank, world size, local rank, ranks on the host, what names the job.
_VARIABLES = {
    "torchrun": ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"),
    # Set by srun alone: in the batch script itself SLURM_PROCID is there, too, but not the step's.
    "slurm": (
        "SLURM_PROCID",
        "SLURM_STEP_NUM_TASKS",
        "SLURM_LOCALID",
        "SLURM_NTASKS_PER_NODE",
        "SLURM_JOB_ID",
    ),
    "openmpi": (
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "OMPI_COMM_WORLD_LOCAL_SIZE",
        "PMIX_NAMESPACE",
    ),
    "pmi": ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", "PMI_ID"),
}


def from_environ(environ: Mapping[str, str]) -> Place | None:
    """The place of the process with this environment; None outside of a job."""
    for launcher, (rank, world, local_rank, local_world, job) in _VARIABLES.items():
        if rank in environ and world in environ:
            size, beside = int(environ[world]), _number(environ.get(local_world))
            address, port = _meeting_point(launcher, environ, environ.get(job), size == beside)
            return Place(
                launcher,
                int(environ[rank]),
                size,
                _number(environ.get(local_rank)),
                beside,
                environ.get("MASTER_ADDR") or address,
                _number(environ.get("MASTER_PORT")) or port,
            )
    return None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None


def _meeting_point(
    launcher: str, environ: Mapping[str, str], job: str | None, one_host: bool
) -> tuple[str | None, int | None]:
    """Where rank 0 is, and a port that all ranks of the job compute alike."""
    if launcher == "torchrun":
        return None, None
    address = _LOOPBACK if one_host else None
    if launcher == "slurm":
        nodes = environ.get("SLURM_STEP_NODELIST") or environ.get("SLURM_JOB_NODELIST")
        address = first_host(nodes) if nodes else address
    port = None if job is None else 20000 + zlib.crc32(job.encode()) % 10000
    return address, port


def first_host(nodes: str) -> str:
    """The first host of a SLURM node list: `a[003-010,12],b` begins with `a003`."""
    match = re.match(r"([^,\[]+)(?:\[(\d+)[^\]]*\])?([^,]*)", nodes)
    return nodes if match is None else match[1] + (match[2] or "") + match[3]
