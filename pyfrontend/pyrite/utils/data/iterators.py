"""One pass over a DataLoader: in this process, or by worker processes.

Python layer between `loader` (the options) and `fetch` / `pool` (the work). Batches are numbered
as the sampler yields them; batch k goes to the next worker in turn and comes back in order, so
that what a program sees does not depend on timing. Invariant: `prefetch_factor * num_workers`
tasks are under way as long as the sampler has indices.
"""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import seeding
from .fetch import FetchPlan, create_fetcher
from .protocol import Epoch, Exhausted, Task, WorkerJob
from .remote_error import RemoteError

if TYPE_CHECKING:
    from .loader import DataLoader

__all__ = ["LoaderIterator", "MultiProcessIterator", "SingleProcessIterator"]


class LoaderIterator:
    """What both kinds have in common: indices, seeds, and the check of a stream's length."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._plan = FetchPlan(
            loader.dataset,
            loader._auto_collation,
            loader.collate_fn,
            loader.drop_last,
            loader.sample_seeding,
        )
        self._index_sampler = loader._index_sampler
        self._generator = loader.generator
        self._timeout = loader.timeout
        self._num_workers = loader.num_workers
        self._start(loader)
        self._base_seed = seeding.draw_base_seed(self._generator)

    def _start(self, loader: DataLoader[Any]) -> None:
        self._indices: Iterator[Any] = iter(self._index_sampler)
        self._position = 0
        self._yielded = 0
        self._reported_length = loader._reported_length

    def _next_index(self) -> tuple[Any, int]:
        """The next index and the position of its first sample; StopIteration at the end."""
        index = next(self._indices)
        position = self._position
        self._position += len(index) if self._plan.batched else 1
        return index, position

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        batch = self._next_batch()
        self._yielded += 1
        if self._reported_length is not None and self._yielded > self._reported_length:
            self._warn_of_length()
        return batch

    def _next_batch(self) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._index_sampler)

    def _warn_of_length(self) -> None:
        message = (
            f"Length of IterableDataset {self._plan.dataset} was reported to be "
            f"{self._reported_length}(when accessing len(dataloader)), but {self._yielded} "
            "samples have been fetched. "
        )
        if self._num_workers > 0:
            message += (
                "For multiprocessing data-loading, this could be caused by not properly "
                "configuring the IterableDataset replica at each worker: see get_worker_info()."
            )
        warnings.warn(message, stacklevel=3)


class SingleProcessIterator(LoaderIterator):
    """Fetches each batch when it is asked for."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        if self._timeout:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        self._fetcher = create_fetcher(self._plan, self._base_seed)

    def _next_batch(self) -> Any:
        index, position = self._next_index()
        if not self._plan.sample_seeding:
            return self._fetcher.fetch(index, position)
        with seeding.preserved_generators():
            return self._fetcher.fetch(index, position)


class MultiProcessIterator(LoaderIterator):
    """Hands indices to worker processes and gives their batches back."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        from .pool import WorkerPool

        super().__init__(loader)
        self._prefetch = loader.prefetch_factor or 2
        self._in_order = loader.in_order
        self._persistent = loader.persistent_workers
        self._epoch = 0
        self._pool = WorkerPool(self._jobs(loader), loader.multiprocessing_context)
        self._begin()

    def _jobs(self, loader: DataLoader[Any]) -> list[WorkerJob]:
        count, seed = self._num_workers, self._base_seed
        return [
            WorkerJob(self._plan, loader.worker_init_fn, worker, count, seed)
            for worker in range(count)
        ]

    @property
    def closed(self) -> bool:
        """Whether the workers are gone."""
        return self._pool.closed

    def reset(self, loader: DataLoader[Any]) -> None:
        """Begin another epoch with the same workers.

        The base seed stays, as in PyTorch, unless each sample is seeded: then every epoch draws
        one, as it does without persistent workers.
        """
        self._start(loader)
        self._epoch += 1
        if self._plan.sample_seeding:
            self._base_seed = seeding.draw_base_seed(self._generator)
        self._begin()

    def _begin(self) -> None:
        self._owners: dict[int, int] = {}  # task under way -> its worker
        self._results: dict[int, Any] = {}  # task -> what its worker answered, not yet used
        self._sent = 0
        self._due = 0
        self._active = [True] * self._num_workers
        self._loads = [0] * self._num_workers
        self._turns = itertools.cycle(range(self._num_workers))
        try:
            for worker in range(self._num_workers):
                self._pool.post(worker, Epoch(self._epoch, self._base_seed))
            for _ in range(self._prefetch * self._num_workers):
                self._dispatch()
        except BaseException:  # the sampler is user code
            self._pool.shutdown(0)
            raise

    def _dispatch(self) -> None:
        """Give the next index, if there is one, to the next worker in turn."""
        worker = self._next_worker()
        if worker is None:
            return
        try:
            index, position = self._next_index()
        except StopIteration:
            return
        self._pool.post(worker, Task(self._sent, index, position))
        self._owners[self._sent] = worker
        self._loads[worker] += 1
        self._sent += 1

    def _next_worker(self) -> int | None:
        share = self._prefetch * self._num_workers // max(1, sum(self._active))
        for worker in itertools.islice(self._turns, self._num_workers):
            if self._active[worker] and (self._in_order or self._loads[worker] < share):
                return worker
        return None

    def _next_batch(self) -> Any:
        from .pool import WorkerDied

        try:
            return self._take()
        except (KeyboardInterrupt, WorkerDied):
            self._pool.shutdown(0)
            raise

    def _take(self) -> Any:
        """The next batch in order; tells the workers' errors, and their end by StopIteration."""
        limit = time.monotonic() + self._timeout if self._timeout else None
        self._gather(0.0)
        while self._owners:
            task = self._ready_task()
            if task is None:
                self._wait(limit)
                continue
            result = self._results.pop(task)
            worker = self._owners.pop(task)
            self._loads[worker] -= 1
            self._due += 1
            if isinstance(result, Exhausted):
                self._active[worker] = False
            self._dispatch()
            if isinstance(result, RemoteError):
                result.reraise()
            if not isinstance(result, Exhausted):
                return result
            if not self._persistent and self._loads[worker] == 0:
                self._pool.retire(worker)
        if not self._persistent:
            self._pool.shutdown()
        raise StopIteration

    def _ready_task(self) -> int | None:
        if self._in_order:
            return self._due if self._due in self._results else None
        return next(iter(self._results), None)

    def _wait(self, limit: float | None) -> None:
        rest = None if limit is None else max(0.0, limit - time.monotonic())
        if not self._gather(rest):
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")

    def _gather(self, timeout: float | None) -> bool:
        """Take in what the workers have sent; False if that is nothing within `timeout`."""
        if self._pool.closed:
            return False
        replies = self._pool.collect(timeout)
        for _, message in replies:
            if message.notice is not None:
                _warn_of_shared_memory(message.notice)
            reply = message.content
            if reply.epoch == self._epoch:
                self._results[reply.task] = reply.content
        return bool(replies)


_warned_of_shared_memory = False


def _warn_of_shared_memory(reason: str) -> None:
    """Say once a process that batches take the slower path."""
    global _warned_of_shared_memory
    if not _warned_of_shared_memory:
        _warned_of_shared_memory = True
        warnings.warn(
            f"DataLoader workers could not get shared memory for a batch ({reason}); such batches "
            "are copied through a socket, which is slower. A larger /dev/shm helps "
            "(docker run --shm-size=...)",
            RuntimeWarning,
            stacklevel=6,
        )
