"""DataLoader: a dataset and a sampler become an iterable of batches.

Python layer; this file holds the options and their checks, `iterators` the passes over the data.
Invariant: for one seed the order of indices is PyTorch's, and the same for any number of workers.

Without effect, for compatibility: `pin_memory` and `pin_memory_device`, and `worker_init_fn` when
there are no workers.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pyrite import _C

from .collate import default_collate, default_convert
from .dataset import Dataset, IterableDataset
from .iterators import LoaderIterator, MultiProcessIterator, SingleProcessIterator
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

__all__ = ["DataLoader"]

T_co = TypeVar("T_co", covariant=True)

_FIXED = frozenset(
    {"batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"}
)


class _EndlessSampler(Sampler[None]):
    """Stands for the indices of an iterable-style dataset, which has none."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[T_co]):
    """Iterates over a dataset in batches, in this process or by worker processes.

    Args:
        dataset: map-style or iterable-style.
        batch_size: samples a batch; None yields single samples, converted and not stacked.
        shuffle: draw a new random order each epoch.
        sampler: iterable of indices; excludes `shuffle`.
        batch_sampler: iterable of lists of indices; excludes `batch_size`, `shuffle`, `sampler`
            and `drop_last`.
        num_workers: worker processes; 0 fetches in this process.
        collate_fn: makes a batch of a list of samples; `default_collate` by default.
        pin_memory: no effect.
        drop_last: leave out a last batch that is shorter.
        timeout: seconds to wait for a batch from the workers; 0 means no limit.
        worker_init_fn: called in each worker with its number, after seeding.
        multiprocessing_context: start method or context; Python's default if None.
        generator: source of the order and of the workers' seeds; the default generator if None.
        prefetch_factor: batches each worker works ahead (default 2).
        persistent_workers: keep the workers, and their copies of the dataset, between epochs.
        pin_memory_device: no effect.
        in_order: False yields batches as workers finish them.
        sample_seeding: seed the generators (the core's, `random`, NumPy's) before each sample
            from the epoch's seed, the sample's position and its index, so that random draws in
            `__getitem__` do not depend on `num_workers`. Batches are then fetched by
            `__getitem__`, never by `__getitems__`.

    Raises:
        ValueError: options that contradict each other or are out of range.

    Example:
        >>> rows = data.TensorDataset(pyrite.arange(5.0), pyrite.arange(5))
        >>> for x, y in data.DataLoader(rows, batch_size=2):
        ...     print(x, y)
        tensor([0., 1.]) tensor([0, 1])
        tensor([2., 3.]) tensor([2, 3])
        tensor([4.]) tensor([4])
    """

    dataset: Any
    _initialized = False

    def __init__(
        self,
        dataset: Dataset[T_co] | Sequence[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: str | BaseContext | None = None,
        generator: _C.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        sample_seeding: bool = False,
    ) -> None:
        self.prefetch_factor = _check_workers(
            num_workers, timeout, prefetch_factor, persistent_workers
        )
        self.dataset = dataset
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self.generator = generator
        self.sample_seeding = sample_seeding
        self.persistent_workers = persistent_workers
        self._streams = isinstance(dataset, IterableDataset)
        if self._streams:
            _check_stream(shuffle, sampler, batch_sampler, sample_seeding)
        _check_sampling(batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.sampler = self._default_sampler(shuffle) if sampler is None else sampler
        self.drop_last = drop_last
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.batch_sampler = batch_sampler
        default = default_collate if self._auto_collation else default_convert
        self.collate_fn: Callable[[Any], Any] = default if collate_fn is None else collate_fn
        self._reported_length: int | None = None
        self._iterator: MultiProcessIterator | None = None
        self._initialized = True
        self.check_worker_number_rationality()

    def _default_sampler(self, shuffle: bool | None) -> Sampler[Any]:
        if self._streams:
            return _EndlessSampler()
        if shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in _FIXED:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> BaseContext | None:
        """How workers are started; None means Python's default."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: str | BaseContext | None) -> None:
        self._context = None if context is None else _as_context(context, self.num_workers)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def __iter__(self) -> LoaderIterator:
        if self.num_workers == 0:
            return SingleProcessIterator(self)
        self.check_worker_number_rationality()
        if not self.persistent_workers:
            return MultiProcessIterator(self)
        if self._iterator is None or self._iterator.closed:
            self._iterator = MultiProcessIterator(self)
        else:
            self._iterator.reset(self)
        return self._iterator

    def __len__(self) -> int:
        """Number of batches; for an iterable-style dataset an estimate from its own length."""
        if not self._streams:
            return len(self._index_sampler)
        length = self._reported_length = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warn if there are more workers than processors."""
        affinity = hasattr(os, "sched_getaffinity")
        processors = len(os.sched_getaffinity(0)) if affinity else os.cpu_count() or 1
        if self.num_workers <= processors:
            return
        note = "" if affinity else " (`cpuset` is not taken into account)"
        warnings.warn(
            f"This DataLoader will create {self.num_workers} worker processes in total. Our "
            f"suggested max number of worker in current system is {processors}{note}, which is "
            "smaller than what this DataLoader is going to create. Please be aware that excessive "
            "worker creation might get DataLoader running slow or even freeze, lower the worker "
            "number to avoid potential slowness/freeze if necessary.",
            stacklevel=3,
        )


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent: bool
) -> int | None:
    """The prefetch factor to use, once the options about workers are known to agree."""
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; "
            "use num_workers=0 to disable multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing."
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor <= 0:
        rule = "non-negative" if prefetch_factor < 0 else "positive: with 0 no batch is fetched"
        raise ValueError(f"prefetch_factor option should be {rule}")
    if persistent and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    return 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor


def _check_stream(
    shuffle: bool | None, sampler: Any, batch_sampler: Any, sample_seeding: bool
) -> None:
    """An iterable-style dataset has no indices, so that options about them are errors."""
    refused = {
        "shuffle": (shuffle, shuffle not in (False, None)),
        "sampler": (sampler, sampler is not None),
        "batch_sampler": (batch_sampler, batch_sampler is not None),
        "sample_seeding": (sample_seeding, sample_seeding),
    }
    for name, (value, given) in refused.items():
        if given:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, "
                f"but got {name}={value}"
            )


def _check_sampling(
    batch_size: int | None, shuffle: bool | None, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive "
                "with batch_size, shuffle, sampler, and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )


def _as_context(context: str | BaseContext, num_workers: int) -> BaseContext:
    import multiprocessing
    from multiprocessing.context import BaseContext as Context

    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading "
            f"(num_workers > 0), but got num_workers={num_workers}"
        )
    if isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ValueError(
                "multiprocessing_context option should specify a valid start method in "
                f"{methods!r}, but got multiprocessing_context={context!r}"
            )
        return multiprocessing.get_context(context)
    if not isinstance(context, Context):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string "
            f"specifying the start method, but got multiprocessing_context={context}"
        )
    return context
