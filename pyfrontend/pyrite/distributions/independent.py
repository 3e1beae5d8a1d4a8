"""Batch dims of a distribution as dims of one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C
from pyrite._size import Size

from . import constraints
from .distribution import Distribution
from .utils import _sum_rightmost

__all__ = ["Independent"]


class Independent(Distribution):
    """`base_distribution` with its last `reinterpreted_batch_ndims` batch dims as one event."""

    arg_constraints: dict[str, constraints.Constraint] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        batch = base_distribution.batch_shape
        if reinterpreted_batch_ndims > len(batch):
            raise ValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), "
                f"actual {reinterpreted_batch_ndims} vs {len(batch)}"
            )
        kept = len(batch) - reinterpreted_batch_ndims
        self._set(base_distribution, reinterpreted_batch_ndims)
        event_shape = (*batch[kept:], *base_distribution.event_shape)
        super().__init__(batch[:kept], event_shape, validate_args=validate_args)

    def _set(self, base_distribution: Distribution, reinterpreted_batch_ndims: int) -> None:
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.has_rsample = base_distribution.has_rsample
        enumerable = base_distribution.has_enumerate_support
        self.has_enumerate_support = enumerable and reinterpreted_batch_ndims == 0

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its base expanded."""
        new: Self = self._get_checked_instance(Independent, _instance)
        event = self._event_shape[: self.reinterpreted_batch_ndims]
        base = self.base_dist.expand(Size((*batch_shape, *event)))
        # First: subclasses pass what `__init__` sets on to the base.
        new._set(base, self.reinterpreted_batch_ndims)
        self._expand_parameters(Independent, batch_shape, new)
        return new

    @property
    def support(self) -> constraints.Constraint:
        """The base's, for all elements of an event together."""
        count = self.reinterpreted_batch_ndims
        base: constraints.Constraint = self.base_dist.support
        return constraints.independent(base, count) if count else base

    @property
    def mean(self) -> _C.Tensor:
        """As the base."""
        return self.base_dist.mean

    @property
    def mode(self) -> _C.Tensor:
        """As the base."""
        return self.base_dist.mode

    @property
    def variance(self) -> _C.Tensor:
        """As the base."""
        return self.base_dist.variance

    def sample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws of the base."""
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws of the base, with gradients."""
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The sum over the elements of an event."""
        log_prob = self.base_dist.log_prob(value)
        return _sum_rightmost(log_prob, self.reinterpreted_batch_ndims)

    def entropy(self) -> _C.Tensor:
        """The sum over the elements of an event."""
        return _sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> _C.Tensor:
        """The base's values.

        Raises:
            NotImplementedError: values of several elements.
        """
        if self.reinterpreted_batch_ndims > 0:
            raise NotImplementedError("Enumeration over cartesian product is not implemented")
        return self.base_dist.enumerate_support(expand=expand)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist}, {self.reinterpreted_batch_ndims})"
