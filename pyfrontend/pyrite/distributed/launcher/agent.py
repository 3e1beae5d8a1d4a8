"""Watches the ranks of one host: ends all when one fails, restarts them, reports.

Signals arrive as bytes in a pipe, so the agent acts on them at one place and nothing is
interrupted. Invariant: when `run` returns no rank is alive.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

from pyrite.distributed.errors import DistError

from .guard import Guard
from .options import Job
from .ranks import Ended, Ranks
from .rendezvous import Alone, meet

_FAILED = 1
_SETTLE = 0.3  # seconds in which other ranks may still say what went wrong before


class Signals:
    """While open, the signals that end a job and SIGCHLD arrive here instead of anywhere else."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = [*numbers, signal.SIGCHLD]
        self.asked_to_end: int | None = None

    def __enter__(self) -> Signals:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._woken = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._note) for number in self._numbers}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._woken)
        os.close(self._read)
        os.close(self._write)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self.asked_to_end = number

    def wait(self, seconds: float) -> None:
        """Sleeps until a signal arrives, for `seconds` at most."""
        if select.select([self._read], [], [], max(seconds, 0.0))[0]:
            os.read(self._read, 4096)


def run(job: Job) -> int:
    """Runs the ranks of this host to their end.

    Returns:
        0 when all ended well, 1 when one failed for good or a signal ended the job.
    """
    guard = Guard()
    try:
        with Signals(job.signals) as signals, _log_folder(job) as folder:
            return _attempts(job, signals, guard, folder)
    except DistError as error:
        _say(f"the launchers of the other hosts cannot be reached\n{error}")
        return _FAILED
    finally:
        guard.close()


def _attempts(job: Job, signals: Signals, guard: Guard, folder: Path) -> int:
    meeting = meet(job)
    turn = restarts = 0
    while True:
        current = meeting.begin(free_port, partial(_pause, signals, job.monitor_interval))
        if current is None or signals.asked_to_end is not None:
            _say("ended by a signal while it waited for other hosts")
            return _FAILED
        ranks = Ranks(current, (turn, restarts), guard, folder)
        failed = _watch(ranks, signals, meeting.over, job.monitor_interval)
        if signals.asked_to_end is not None:
            name = signal.Signals(signals.asked_to_end).name
            _say(f"{name} received, ending {len(ranks)} ranks")
            meeting.fail()
            ranks.end(signals.asked_to_end, job.shutdown_timeout, signals.wait)
            return _FAILED
        if not failed and not len(ranks) and _all_well(meeting, signals, job):
            ranks.close()
            return 0
        meeting.fail()
        failed += [ended for ended in _settle(ranks, signals) if ended.status]
        ranks.end(signal.SIGTERM, job.shutdown_timeout, signals.wait)
        turn += 1
        if meeting.grown():
            _say("another host has come: starting all ranks again with it")
            continue
        cause = describe(first_failure(failed)) if failed else "a rank failed on another host"
        if restarts == job.max_restarts:
            _say(cause)
            return _FAILED
        restarts += 1
        _say(f"{cause}\nrestarting all ranks ({restarts} of {job.max_restarts})")


def _pause(signals: Signals, seconds: float) -> bool:
    """Sleeps for a moment; whether the job is to go on."""
    signals.wait(seconds)
    return signals.asked_to_end is None


def _watch(
    ranks: Ranks, signals: Signals, failed_elsewhere: Callable[[], bool], interval: float
) -> list[Ended]:
    """Waits for a failure, the end of all ranks or a signal; the ranks that failed here."""
    while True:
        failed = [ended for ended in ranks.reap() if ended.status]
        if failed or not len(ranks) or signals.asked_to_end is not None or failed_elsewhere():
            return failed
        signals.wait(interval)


def _all_well(meeting: Alone, signals: Signals, job: Job) -> bool:
    """After this node's ranks have ended well: waits for those of the others."""
    meeting.well()
    while not meeting.finished():
        if meeting.over() or signals.asked_to_end is not None:
            return False
        signals.wait(job.monitor_interval)
    return True


def _settle(ranks: Ranks, signals: Signals) -> list[Ended]:
    """Ranks that end in the moment after a failure: the one seen first need not be the cause."""
    deadline = time.monotonic() + _SETTLE
    ended = []
    while len(ranks) and time.monotonic() < deadline:
        signals.wait(deadline - time.monotonic())
        ended += ranks.reap()
    return ended


def first_failure(failed: Sequence[Ended]) -> Ended:
    """The rank to blame: the earliest, but one that merely lost a peer comes after all others."""

    def order(ended: Ended) -> tuple[bool, float]:
        report = ended.report
        return (
            report is not None and report.kind == "PeerLostError",
            ended.time if report is None else report.time,
        )

    return min(failed, key=order)


def describe(ended: Ended) -> str:
    """One line on how a rank ended, then its traceback if it left one."""
    if ended.status < 0:
        how = f"was ended by {signal.Signals(-ended.status).name}"
    else:
        how = f"failed with exit code {ended.status}"
    line = f"rank {ended.rank} {how} (pid {ended.pid} on {socket.gethostname()})"
    return line if ended.report is None else f"{line}\n{ended.report.traceback.rstrip()}"


def free_port(host: str) -> int:
    """A TCP port of this host that nobody listens on."""
    with socket.create_server((host, 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def _log_folder(job: Job) -> Iterator[Path]:
    """A new folder for the ranks' files: kept where the user named a place for it."""
    if job.log_dir is None:
        with tempfile.TemporaryDirectory(prefix="pyrite-launch-") as folder:
            yield Path(folder)
    else:
        os.makedirs(job.log_dir, exist_ok=True)
        yield Path(tempfile.mkdtemp(prefix=f"{job.run_id}_", dir=job.log_dir))


def _say(text: str) -> None:
    print(f"pyrite launch: {text}", file=sys.stderr, flush=True)
