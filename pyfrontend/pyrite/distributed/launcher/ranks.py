"""The ranks of one host as processes: their environment, their start and their end.

Each rank leads a session and process group of its own, so that a signal reaches whatever it
started. Invariant: a group whose leader is not reaped yet keeps its number, so no signal can hit a
stranger.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pyrite.distributed.elastic.multiprocessing.errors import Report, read_report

from .guard import Guard, signal_group
from .options import Job
from .output import Output


@dataclass(frozen=True)
class Ended:
    """A rank that is no more.

    Attributes:
        rank: its rank in the job.
        pid: its process.
        status: exit code, or minus the signal that ended it.
        time: when the launcher saw it, seconds since the epoch.
        report: what it said before.
    """

    rank: int
    pid: int
    status: int
    time: float
    report: Report | None


def environment(
    job: Job, place: tuple[int, int], attempt: int, environ: Mapping[str, str]
) -> dict[str, str]:
    """The variables of one rank, as torchrun sets them.

    Args:
        job: what is launched.
        place: (local rank, port of the meeting point).
        attempt: how often the job was restarted.
        environ: the launcher's own variables.
    """
    local_rank, port = place
    world, rank = job.nnodes * job.nproc, job.node_rank * job.nproc + local_rank
    ours = {
        "LOCAL_RANK": local_rank,
        "RANK": rank,
        "GROUP_RANK": job.node_rank,
        "ROLE_RANK": rank,
        "ROLE_NAME": job.role,
        "LOCAL_WORLD_SIZE": job.nproc,
        "WORLD_SIZE": world,
        "GROUP_WORLD_SIZE": job.nnodes,
        "ROLE_WORLD_SIZE": world,
        "MASTER_ADDR": job.master_addr,
        "MASTER_PORT": port,
        "TORCHELASTIC_RUN_ID": job.run_id,
        "TORCHELASTIC_RESTART_COUNT": attempt,
        "TORCHELASTIC_MAX_RESTARTS": job.max_restarts,
        "PYRITE_GROUP_KEY": job.key,
    }
    result = {**environ, **{name: str(value) for name, value in ours.items()}}
    result.setdefault("OMP_NUM_THREADS", str(max(1, usable_cores() // job.nproc)))
    if job.devices is not None:
        result["PYRITE_CUDA_ALIAS"] = job.devices
    return result


def usable_cores() -> int:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Ranks:
    """The processes of one attempt."""

    def __init__(self, job: Job, attempt: tuple[int, int], guard: Guard, folder: Path) -> None:
        """Starts them; `attempt` is its number, and how many before it failed."""
        turn, restarts = attempt
        self._guard = guard
        self._command = job.command
        self._first = job.node_rank * job.nproc
        self._alive: dict[int, subprocess.Popen[bytes]] = {}
        self._folder = folder / f"attempt_{turn}"
        self._output = Output(job, self._folder)
        for local_rank in range(job.nproc):
            (self._folder / str(local_rank)).mkdir(parents=True)
            variables = environment(job, (local_rank, job.master_port), restarts, os.environ)
            variables["TORCHELASTIC_ERROR_FILE"] = str(self._error_file(local_rank))
            try:
                self._start(local_rank, variables)
            except BaseException:
                self.end(signal.SIGKILL, 0.0, lambda timeout: None)
                raise

    def __len__(self) -> int:
        return len(self._alive)

    def _error_file(self, local_rank: int) -> Path:
        return self._folder / str(local_rank) / "error.json"

    def _start(self, local_rank: int, variables: dict[str, str]) -> None:
        streams = self._output.streams(local_rank)
        process = subprocess.Popen(
            self._command,
            env=variables,
            stdout=streams[0],
            stderr=streams[1],
            start_new_session=True,
        )
        self._alive[local_rank] = process
        self._guard.began(process.pid)
        self._output.started(local_rank, process)

    def reap(self) -> list[Ended]:
        """The ranks that have ended since the last call; a failed one takes its children along."""
        ended = []
        for local_rank, process in list(self._alive.items()):
            status = process.poll()
            if status is None:
                continue
            if status:
                signal_group(process.pid, signal.SIGKILL)
            del self._alive[local_rank]
            self._guard.ended(process.pid)
            report = read_report(self._error_file(local_rank))
            rank = self._first + local_rank
            ended.append(Ended(rank, process.pid, status, time.time(), report))
        return ended

    def end(self, number: int, grace: float, wait: Callable[[float], object]) -> list[Ended]:
        """Sends a signal to all ranks, and SIGKILL to those that are there after the grace.

        Args:
            number: the signal.
            grace: seconds.
            wait: sleeps for at most so many seconds, less when a child ends.
        """
        ended = self.reap()
        self._signal(self._alive.values(), number)
        deadline = time.monotonic() + grace
        while self._alive and time.monotonic() < deadline:
            wait(deadline - time.monotonic())
            ended += self.reap()
        self._signal(self._alive.values(), signal.SIGKILL)
        for process in self._alive.values():
            process.wait()
        ended += self.reap()
        self._output.close()
        return ended

    def close(self) -> None:
        """After the last rank has ended: the rest of their output is passed on."""
        self._output.close()

    @staticmethod
    def _signal(processes: Iterable[subprocess.Popen[bytes]], number: int) -> None:
        for process in processes:
            signal_group(process.pid, number)
