"""Samplers: in which order a DataLoader visits a map-style dataset.

Python layer; every random draw is one call into the core, so that orders equal PyTorch's for the
same seed. Invariant: a sampler draws nothing before the first `next` of its iterator, and
consumes exactly PyTorch's draws.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

from pyrite import _C

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

T_co = TypeVar("T_co", covariant=True)

# With replacement, indices are drawn in blocks of this size, so that a huge request stays lazy.
_BLOCK = 32


class Sampler(Generic[T_co]):
    """Base of all samplers: subclasses define `__iter__`, and `__len__` where it is known."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """The indices 0, 1, ... of a dataset, in this order."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices of a dataset in random order.

    Args:
        data_source: the dataset; only its length is used.
        replacement: draw each index independently.
        num_samples: how many; the length of the dataset if None. More than the length without
            replacement goes through several permutations.
        generator: source of the draws; if None, a private one seeded from the default generator.

    Raises:
        TypeError: `replacement` is not a bool.
        ValueError: `num_samples` is not positive.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: _C.Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        _check_positive("num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """Number of indices drawn; follows the dataset's length unless it was given."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        return itertools.chain.from_iterable(self._runs())

    def _runs(self) -> Iterator[list[int]]:
        """The indices in lists, each drawn when the one before is used up."""
        generator = self.generator if self.generator is not None else _private_generator()
        size = len(self.data_source)
        if self.replacement:
            blocks, rest = divmod(self.num_samples, _BLOCK)
            for count in itertools.chain(itertools.repeat(_BLOCK, blocks), (rest,)):
                yield _C.randint(size, (count,), dtype=_C.int64, generator=generator).tolist()
            return
        passes, rest = divmod(self.num_samples, size)
        for _ in range(passes):
            yield _C.randperm(size, generator=generator).tolist()
        # The last permutation is drawn even when nothing of it is used, as PyTorch does.
        yield _C.randperm(size, generator=generator).tolist()[:rest]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices in random order, without replacement."""

    def __init__(self, indices: Sequence[int], generator: _C.Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for position in _C.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[position]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices 0 .. len(weights) - 1 drawn with given weights.

    Args:
        weights: one non-negative weight an index; they need not sum to one.
        num_samples: how many.
        replacement: whether an index may be drawn again.
        generator: source of the draws; the default generator if None.

    Raises:
        ValueError: `num_samples` is not positive, `replacement` is not a bool, or the weights
            have not one dim.
    """

    weights: _C.Tensor

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: _C.Generator | None = None,
    ) -> None:
        _check_positive("num_samples", num_samples)
        _check_bool("replacement", replacement)
        self.weights = _C.as_tensor(weights, dtype=_C.float64)
        if self.weights.dim() != 1:
            raise ValueError(
                "weights should be a 1d sequence but given "
                f"weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = _C.multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[Any]]):
    """Groups the indices of another sampler into lists.

    Args:
        sampler: any iterable of indices.
        batch_size: indices a list.
        drop_last: leave out a last list that is shorter.

    Raises:
        ValueError: `batch_size` is not positive, or `drop_last` is not a bool.
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        _check_positive("batch_size", batch_size)
        _check_bool("drop_last", drop_last)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        length = len(self.sampler)  # type: ignore[arg-type]  # an iterable without len raises
        if self.drop_last:
            return length // self.batch_size
        return (length + self.batch_size - 1) // self.batch_size


def _private_generator() -> _C.Generator:
    seed = int(_C.empty((), dtype=_C.int64).random_().item())
    generator = _C.Generator()
    generator.manual_seed(seed)
    return generator


def _check_positive(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")


def _check_bool(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{name} should be a boolean value, but got {name}={value}")
