"""The sampler that gives each rank of a distributed job its own part of a dataset.

Python layer. The permutation is drawn from a private generator seeded with seed + epoch, so that
all ranks agree on it without talking. Invariant: all ranks get the same number of indices,
unless that would repeat some and the caller does not want it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sized
from typing import Any

from pyrite import _C

from .sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index of a permutation, from `rank` on.

    Args:
        dataset: the dataset; only its length is used.
        num_replicas: number of ranks; asked of `pyrite.distributed` if None.
        rank: this rank; asked of `pyrite.distributed` if None.
        shuffle: permute anew each epoch (call `set_epoch`).
        seed: the same on all ranks.
        drop_last: drop the tail to make the parts equal, instead of repeating some indices.
        pad: False repeats and drops none, for evaluation: parts may differ by one index. (Not in
            PyTorch, whose evaluation over ranks counts the repeated samples twice.)

    Raises:
        ValueError: `rank` is outside [0, num_replicas - 1].
        RuntimeError: a number is missing and `pyrite.distributed` is not available.
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        *,
        pad: bool = True,
    ) -> None:
        self.num_replicas = int(_group().get_world_size()) if num_replicas is None else num_replicas
        self.rank = int(_group().get_rank()) if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ValueError(
                f"Invalid rank {self.rank}, rank should be in the interval "
                f"[0, {self.num_replicas - 1}]"
            )
        self.dataset = dataset
        self.epoch = 0
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        full, rest = divmod(len(dataset), self.num_replicas)
        if not pad and not drop_last:
            self.num_samples = full + (1 if self.rank < rest else 0)
            self.total_size = len(dataset)
            return
        self.num_samples = full + (1 if rest and not drop_last else 0)
        self.total_size = self.num_samples * self.num_replicas

    def __iter__(self) -> Iterator[int]:
        indices = self._order()
        if not self.drop_last and indices:
            missing = self.total_size - len(indices)
            indices += (indices * (missing // len(indices) + 1))[:missing]
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def _order(self) -> list[int]:
        size = len(self.dataset)
        if not self.shuffle:
            return list(range(size))
        generator = _C.Generator()
        generator.manual_seed(self.seed + self.epoch)
        return list(_C.randperm(size, generator=generator).tolist())

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the permutation of the next iteration; call it before each epoch."""
        self.epoch = epoch


def _group() -> Any:
    """The distributed package, once it can be asked for rank and world size."""
    distributed = importlib.import_module("pyrite.distributed")
    if not distributed.is_available():
        raise RuntimeError("Requires distributed package to be available")
    return distributed
