"""The exponential distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Exponential"]


class Exponential(ExponentialFamily):
    """Waiting times of events that come `rate` a unit of time."""

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.size(), validate_args=validate_args)

    @property
    def mean(self) -> _C.Tensor:
        """`1 / rate`."""
        return self.rate.reciprocal()

    @property
    def mode(self) -> _C.Tensor:
        """0."""
        return _C.zeros_like(self.rate)

    @property
    def stddev(self) -> _C.Tensor:
        """`1 / rate`."""
        return self.rate.reciprocal()

    @property
    def variance(self) -> _C.Tensor:
        """`1 / rate^2`."""
        return self.rate.pow(-2)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameter expanded to `batch_shape`."""
        new: Self = self._expand_parameters(Exponential, batch_shape, _instance, rate=())
        return new

    def rsample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws with gradients: standard exponentials over `rate`."""
        shape = self._extended_shape(sample_shape)
        return self.rate.new_empty(shape).exponential_() / self.rate

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density."""
        if self._validate_args:
            self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: _C.Tensor) -> _C.Tensor:
        """The probability of values up to `value`."""
        if self._validate_args:
            self._validate_sample(value)
        return 1 - (-self.rate * value).exp()

    def icdf(self, value: _C.Tensor) -> _C.Tensor:
        """The value below which the probability is `value`."""
        return -(-value).log1p() / self.rate

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        return 1.0 - self.rate.log()
