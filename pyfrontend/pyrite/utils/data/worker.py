"""The worker process of a DataLoader: reads requests, fetches, sends replies.

Python layer, the child's side of `pool`. A worker answers every task exactly once, in order, with
a batch, the error its fetching raised, or the news that its stream has ended. It lives as long as
its channel: when the parent closes it, or dies, the worker ends.
Invariant: whatever ends a worker leaves a traceback in the replies or in `last_words`.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import traceback
from collections.abc import Sequence
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from pyrite import _C

from ...multiprocessing._channel import Channel
from . import seeding
from .fetch import IterableFetcher, create_fetcher
from .protocol import Epoch, Exhausted, Reply, Task, WorkerJob
from .remote_error import RemoteError
from .worker_info import WorkerInfo, get_worker_info, set_worker_info

__all__ = ["WorkerInfo", "get_worker_info", "run_worker"]

_LAST_WORDS_LIMIT = 32 * 1024  # a pipe holds 64 KiB without a reader


def run_worker(
    job: WorkerJob, channel: Channel, last_words: Connection, inherited: Sequence[Channel]
) -> None:
    """Body of the process.

    Args:
        job: what to do.
        channel: to the parent.
        last_words: where the traceback of a fatal end goes.
        inherited: the parent's ends of channels, which a fork copies; closed here, so that the
            end of the parent is seen as EOF.
    """
    for other in inherited:
        other.close()
    faulthandler.enable(last_words.fileno(), all_threads=False)
    signal.signal(signal.SIGINT, _ignore)  # Ctrl-C reaches all processes; the parent decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # blocked while starting
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _serve(job, channel)
    except (EOFError, ConnectionError):
        pass  # the parent has closed the channel
    except BaseException:
        os.write(last_words.fileno(), traceback.format_exc().encode()[-_LAST_WORDS_LIMIT:])
        raise
    finally:
        faulthandler.disable()


def _ignore(signum: int, frame: Any) -> None:
    """A handler, not SIG_IGN: programs the worker starts get the default action back."""


def _end_with_parent() -> None:
    """End the process as soon as the parent is gone, even in the middle of a sample."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _serve(job: WorkerJob, channel: Channel) -> None:
    _C.set_num_threads(1)
    seed = seeding.seed_worker(job.base_seed, job.worker_id)
    set_worker_info(WorkerInfo(job.worker_id, job.num_workers, seed, job.plan.dataset))
    session = _Session(job)
    while True:
        request = channel.receive().content
        if isinstance(request, Epoch):
            session.begin(request)
        else:
            session.answer(request, channel)


class _Session:
    """The state of a worker between requests: the epoch, its fetcher, its end."""

    def __init__(self, job: WorkerJob) -> None:
        self._job = job
        self._where = f"in DataLoader worker process {job.worker_id}"
        self._epoch = -1
        self._fetcher: Any = None
        self._verdict: Any = None  # what all further tasks of the epoch are answered with
        self._init_error: RemoteError | None = None
        try:
            if job.init_fn is not None:
                job.init_fn(job.worker_id)
        except Exception as error:
            self._init_error = RemoteError.of(error, self._where)

    def begin(self, epoch: Epoch) -> None:
        self._epoch = epoch.number
        self._verdict = self._init_error
        if self._verdict is None:
            try:
                self._fetcher = create_fetcher(self._job.plan, epoch.seed)
            except Exception as error:
                self._verdict = RemoteError.of(error, self._where)

    def answer(self, task: Task, channel: Channel) -> None:
        reply = Reply(self._epoch, task.number, self._fetch(task))
        try:
            channel.send(reply)
        except ConnectionError:
            raise
        except Exception as error:  # the batch cannot be pickled
            problem = RemoteError.of(error, self._where)
            channel.send(Reply(self._epoch, task.number, problem))

    def _fetch(self, task: Task) -> Any:
        if self._verdict is not None:
            return self._verdict
        try:
            return self._fetcher.fetch(task.index, task.position)
        except Exception as error:
            if isinstance(error, StopIteration) and isinstance(self._fetcher, IterableFetcher):
                self._verdict = Exhausted()
                return self._verdict
            return RemoteError.of(error, self._where)
