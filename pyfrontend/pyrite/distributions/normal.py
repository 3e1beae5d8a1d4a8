"""The normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Normal"]


class Normal(ExponentialFamily):
    """Normal with mean `loc` and standard deviation `scale`, numbers or broadcastable tensors.

    Example:
        >>> normal = pyrite.distributions.Normal(0.0, 2.0)
        >>> normal.log_prob(pyrite.tensor(0.0))
        tensor(-1.6121)
        >>> normal.sample((3,)).shape
        pyrite.Size([3])
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.size(), validate_args=validate_args)

    @property
    def mean(self) -> _C.Tensor:
        """`loc`."""
        return self.loc

    @property
    def mode(self) -> _C.Tensor:
        """`loc`."""
        return self.loc

    @property
    def stddev(self) -> _C.Tensor:
        """`scale`."""
        return self.scale

    @property
    def variance(self) -> _C.Tensor:
        """The square of `scale`."""
        return self.stddev.pow(2)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        new: Self = self._expand_parameters(Normal, batch_shape, _instance, loc=(), scale=())
        return new

    def sample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws without gradient: `sample_shape + batch_shape`."""
        from pyrite.autograd import no_grad

        shape = self._extended_shape(sample_shape)
        with no_grad():
            return _C.normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws with gradients: `loc + scale * e` with standard normal `e`."""
        shape = self._extended_shape(sample_shape)
        options: dict[str, Any] = {"dtype": self.loc.dtype, "device": self.loc.device}
        drawn = _C.normal(_C.zeros(shape, **options), _C.ones(shape, **options))
        return self.loc + drawn * self.scale

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density."""
        if self._validate_args:
            self._validate_sample(value)
        deviation = (value - self.loc) ** 2 / (2 * self.scale**2)
        return -deviation - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: _C.Tensor) -> _C.Tensor:
        """The probability of values up to `value`."""
        if self._validate_args:
            self._validate_sample(value)
        return 0.5 * (1 + ((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)).erf())

    def icdf(self, value: _C.Tensor) -> _C.Tensor:
        """The value below which the probability is `value`."""
        return self.loc + self.scale * (2 * value - 1).erfinv() * math.sqrt(2)

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()
