"""Worker processes seen from the parent: start, talk, notice death, stop.

Python layer, the parent's side of `worker`. Each worker has a channel of its own and a pipe for
its last words; the parent waits on channels and process sentinels together, so that a death is
noticed at once. There are no helper threads, queues or locks that a killed worker could leave
behind in a bad state. Invariant: when the pool is dropped, or the interpreter exits, no worker
process and no descriptor of it remains.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import signal
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any

from ...multiprocessing._channel import Channel, Message
from .protocol import WorkerJob
from .worker import run_worker

__all__ = ["WorkerDied", "WorkerPool"]

_GRACE = 5.0  # seconds a worker may take to end the sample it is working on
_LAST_WORDS_LIMIT = 64 * 1024
_READ = select.POLLIN | select.POLLHUP | select.POLLERR


class WorkerDied(RuntimeError):
    """A worker process ended although its work was not done."""


@dataclass
class _Member:
    worker_id: int
    process: BaseProcess
    channel: Channel
    last_words: Connection


class WorkerPool:
    """Running worker processes.

    Args:
        jobs: one for each worker.
        context: how processes are started; Python's default if None.
    """

    def __init__(self, jobs: list[WorkerJob], context: BaseContext | None) -> None:
        self._members: dict[int, _Member] = {}
        self._finalizer = weakref.finalize(self, _stop, self._members, os.getpid())
        try:
            with _interrupts_deferred():
                for job in jobs:
                    self._start(job, context or multiprocessing.get_context())
        except BaseException:
            self.shutdown(0)
            raise

    def _start(self, job: WorkerJob, context: BaseContext) -> None:
        ours, theirs = Channel.pair()
        words_out, words_in = context.Pipe(duplex=False)
        forked = context.get_start_method() == "fork"
        inherited = [ours, *(m.channel for m in self._members.values())] if forked else []
        process = context.Process(  # type: ignore[attr-defined]
            target=run_worker, args=(job, theirs, words_in, inherited), daemon=True
        )
        try:
            process.start()
        except BaseException:
            ours.close()
            words_out.close()
            raise
        finally:
            theirs.close()
            words_in.close()
        self._members[job.worker_id] = _Member(job.worker_id, process, ours, words_out)

    @property
    def closed(self) -> bool:
        """Whether the workers have been stopped."""
        return not self._finalizer.alive

    def post(self, worker_id: int, request: Any) -> None:
        """Send a request to a worker, without waiting."""
        self._members[worker_id].channel.post(request)

    def collect(self, timeout: float | None) -> list[tuple[int, Message]]:
        """Wait for replies: at least one, or none after `timeout` seconds (None: no limit).

        Raises:
            WorkerDied: a worker has ended and left no reply.
        """
        limit = None if timeout is None else time.monotonic() + timeout
        while True:
            readable, ended = self._poll(limit)
            replies, lost = self._read(readable)
            if replies:
                return replies
            if lost or ended:
                raise WorkerDied(_obituary(lost or ended))
            if limit is not None and time.monotonic() >= limit:
                return []

    def _poll(self, limit: float | None) -> tuple[list[_Member], list[_Member]]:
        """Members with something to read, and members whose process has ended."""
        poller = select.poll()
        for member in self._members.values():
            pending = select.POLLOUT if member.channel.pending else 0
            poller.register(member.channel, _READ | pending)
            poller.register(member.process.sentinel, _READ)
        wait = None if limit is None else max(0.0, limit - time.monotonic()) * 1000
        events = dict(poller.poll(wait))
        readable, ended = [], []
        for member in self._members.values():
            event = events.get(member.channel.fileno(), 0)
            if event & select.POLLOUT:
                member.channel.flush()
            if event & _READ:
                readable.append(member)
            elif member.process.sentinel in events:
                ended.append(member)
        return readable, ended

    @staticmethod
    def _read(readable: list[_Member]) -> tuple[list[tuple[int, Message]], list[_Member]]:
        replies, lost = [], []
        for member in readable:
            try:
                replies.append((member.worker_id, member.channel.receive()))
            except (EOFError, ConnectionError):
                lost.append(member)
        return replies, lost

    def retire(self, worker_id: int) -> None:
        """Let a worker go that has nothing left to do."""
        _dismiss([self._members.pop(worker_id)], _GRACE)

    def shutdown(self, grace: float = _GRACE) -> None:
        """Stop all workers; one that is busy for longer than `grace` seconds is terminated."""
        if self._finalizer.detach():
            _dismiss(list(self._members.values()), grace)
            self._members.clear()


@contextlib.contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Hold Ctrl-C back; processes started meanwhile inherit that until they are ready for it."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _stop(members: dict[int, _Member], owner: int) -> None:
    """Finalizer of a pool; does nothing in a forked child that inherited the pool."""
    if os.getpid() == owner:
        _dismiss(list(members.values()), _GRACE)


def _dismiss(members: list[_Member], grace: float) -> None:
    """End workers: by EOF, then by SIGTERM, then by SIGKILL."""
    for member in members:
        member.channel.hang_up()
    _join(members, grace)
    for member in members:
        if member.process.is_alive():
            member.process.terminate()
    _join(members, 1.0)
    for member in members:
        if member.process.is_alive():
            member.process.kill()
        member.process.join()
        member.process.close()
        member.last_words.close()


def _join(members: list[_Member], seconds: float) -> None:
    limit = time.monotonic() + seconds
    for member in members:
        member.process.join(max(0.0, limit - time.monotonic()))


def _obituary(members: list[_Member]) -> str:
    """Message for dead workers: PyTorch's first line, then how each ended and its last words."""
    pids = ", ".join(str(member.process.pid) for member in members)
    lines = [f"DataLoader worker (pid(s) {pids}) exited unexpectedly"]
    for member in members:
        lines.append(f"  worker {member.worker_id} {_cause(member.process)}")
        words = _read_last_words(member.last_words)
        if words:
            lines.append(words)
    return "\n".join(lines)


def _cause(process: BaseProcess) -> str:
    process.join(1.0)
    code = process.exitcode
    if code is None:
        return "closed its channel"
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    hint = "; was the machine out of memory?" if -code == signal.SIGKILL else ""
    return f"was killed by {name}{hint}"


def _read_last_words(pipe: Connection) -> str:
    os.set_blocking(pipe.fileno(), False)
    with contextlib.suppress(BlockingIOError):
        return os.read(pipe.fileno(), _LAST_WORDS_LIMIT).decode(errors="replace").rstrip()
    return ""
