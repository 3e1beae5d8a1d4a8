"""Where a process stands in a job, by the variables of each launcher."""

from __future__ import annotations

import pytest

from pyrite.distributed._place import Place, first_host, from_environ

SLURM = {
    "SLURM_PROCID": "5",
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_LOCALID": "1",
    "SLURM_NTASKS_PER_NODE": "4",
    "SLURM_JOB_ID": "4711",
    "SLURM_STEP_NODELIST": "gpu[07-08]",
}
OPENMPI = {
    "OMPI_COMM_WORLD_RANK": "2",
    "OMPI_COMM_WORLD_SIZE": "4",
    "OMPI_COMM_WORLD_LOCAL_RANK": "2",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "4",
    "PMIX_NAMESPACE": "prterun-1",
}
TORCHRUN = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({}, None),
        ({"RANK": "1"}, None),
        (TORCHRUN, Place("torchrun", 1, 2, 1, 2, None, None)),
        (
            {**TORCHRUN, **SLURM, "MASTER_ADDR": "h", "MASTER_PORT": "9"},
            Place("torchrun", 1, 2, 1, 2, "h", 9),
        ),
        (SLURM, Place("slurm", 5, 8, 1, 4, "gpu07", 22759)),
        ({**SLURM, "MASTER_PORT": "9"}, Place("slurm", 5, 8, 1, 4, "gpu07", 9)),
        # the batch script itself: one process, though SLURM_PROCID is there
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_JOB_ID": "1"}, None),
        (OPENMPI, Place("openmpi", 2, 4, 2, 4, "127.0.0.1", 27673)),
        (
            {**OPENMPI, "OMPI_COMM_WORLD_LOCAL_SIZE": "2"},
            Place("openmpi", 2, 4, 2, 2, None, 27673),
        ),
        (
            {"PMI_RANK": "0", "PMI_SIZE": "2", "MPI_LOCALRANKID": "0", "MPI_LOCALNRANKS": "2"},
            Place("pmi", 0, 2, 0, 2, "127.0.0.1", None),
        ),
        ({"PMI_RANK": "0", "PMI_SIZE": "2"}, Place("pmi", 0, 2, None, None, None, None)),
    ],
)
def test_place(environ: dict[str, str], place: Place | None) -> None:
    assert from_environ(environ) == place


@pytest.mark.parametrize(
    ("nodes", "host"),
    [
        ("a", "a"),
        ("a,b", "a"),
        ("node[003-010,12],x", "node003"),
        ("r[1-2]-ib,r3", "r1-ib"),
        ("a-b.c[5]", "a-b.c5"),
    ],
)
def test_first_host(nodes: str, host: str) -> None:
    assert first_host(nodes) == host
