"""The continuous uniform distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["Uniform"]


class Uniform(Distribution):
    """Uniform on `[low, high)`, numbers or broadcastable tensors."""

    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = broadcast_all(low, high)
        super().__init__(self.low.size(), validate_args=validate_args)

    @property
    def arg_constraints(self) -> Mapping[str, constraints.Constraint]:
        """Each bound against the other."""
        return {
            "low": constraints.less_than(self.high),
            "high": constraints.greater_than(self.low),
        }

    @property
    def support(self) -> constraints.Constraint:
        """The closed interval."""
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> _C.Tensor:
        """The middle."""
        return (self.high + self.low) / 2

    @property
    def mode(self) -> _C.Tensor:
        """NaN: no value is more likely than another."""
        return float("nan") * self.high

    @property
    def stddev(self) -> _C.Tensor:
        """The width over the root of 12."""
        return (self.high - self.low) / 12**0.5

    @property
    def variance(self) -> _C.Tensor:
        """The square of the width over 12."""
        return (self.high - self.low).pow(2) / 12

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        new: Self = self._get_checked_instance(Uniform, _instance)
        new.low = self.low.expand(batch_shape)
        new.high = self.high.expand(batch_shape)
        super(Uniform, new).__init__(batch_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def rsample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws with gradients: `low + u * (high - low)` with `u` uniform on [0, 1)."""
        shape = self._extended_shape(sample_shape)
        drawn = _C.rand(shape, dtype=self.low.dtype, device=self.low.device)
        return self.low + drawn * (self.high - self.low)

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density; minus infinity outside the interval."""
        if self._validate_args:
            self._validate_sample(value)
        inside = (value >= self.low) & (value < self.high)
        return inside.type_as(self.low).log() - (self.high - self.low).log()

    def cdf(self, value: _C.Tensor) -> _C.Tensor:
        """The probability of values up to `value`."""
        if self._validate_args:
            self._validate_sample(value)
        return ((value - self.low) / (self.high - self.low)).clamp(min=0, max=1)

    def icdf(self, value: _C.Tensor) -> _C.Tensor:
        """The value below which the probability is `value`."""
        return value * (self.high - self.low) + self.low

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        return (self.high - self.low).log()
