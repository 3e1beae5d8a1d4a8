"""Fetchers: from an index, or a list of indices, to a collated batch.

Python layer, the same code in the main process and in workers. A request carries the index and
the position of its first sample in the epoch; with per-sample seeding the generators are set
before each sample, so that its draws do not depend on the worker that makes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import seeding
from .dataset import IterableDataset

__all__ = ["FetchPlan", "IterableFetcher", "MapFetcher", "create_fetcher"]


@dataclass
class FetchPlan:
    """What a fetcher needs to know of its DataLoader.

    `dataset` and `collate_fn` as given; `batched` tells whether an index is a list of indices.
    """

    dataset: Any
    batched: bool
    collate_fn: Callable[[Any], Any]
    drop_last: bool
    sample_seeding: bool = False


class MapFetcher:
    """Reads samples of a map-style dataset by key."""

    def __init__(self, plan: FetchPlan, seed: int) -> None:
        self._plan = plan
        self._seed = seed

    def fetch(self, index: Any, position: int) -> Any:
        """Return the collated samples; `position` counts samples from the epoch's start."""
        plan = self._plan
        if not plan.batched:
            return plan.collate_fn(self._sample(index, position))
        if plan.sample_seeding:
            samples = [self._sample(key, position + offset) for offset, key in enumerate(index)]
            return plan.collate_fn(samples)
        dataset = plan.dataset
        get_all = getattr(dataset, "__getitems__", None)
        return plan.collate_fn(get_all(index) if get_all else [dataset[key] for key in index])

    def _sample(self, key: Any, position: int) -> Any:
        if self._plan.sample_seeding:
            seeding.seed_sample(self._seed, position, key)
        return self._plan.dataset[key]


class IterableFetcher:
    """Reads the next samples of one pass over an iterable-style dataset."""

    def __init__(self, plan: FetchPlan) -> None:
        self._plan = plan
        self._stream = iter(plan.dataset)
        self._ended = False

    def fetch(self, index: Any, position: int) -> Any:
        """Return the next collated samples, as many as `index` has entries.

        Raises:
            StopIteration: the stream has ended, or its last batch is too short to keep.
        """
        plan = self._plan
        if not plan.batched:
            return plan.collate_fn(next(self._stream))
        samples = [] if self._ended else self._take(len(index))
        if not samples or (plan.drop_last and len(samples) < len(index)):
            raise StopIteration
        return plan.collate_fn(samples)

    def _take(self, count: int) -> list[Any]:
        samples: list[Any] = []
        for _ in range(count):
            try:
                samples.append(next(self._stream))
            except StopIteration:
                self._ended = True
                break
        return samples


def create_fetcher(plan: FetchPlan, seed: int) -> MapFetcher | IterableFetcher:
    """Start an epoch: for an iterable-style dataset this calls its `__iter__`."""
    if isinstance(plan.dataset, IterableDataset):
        return IterableFetcher(plan)
    return MapFetcher(plan, seed)
