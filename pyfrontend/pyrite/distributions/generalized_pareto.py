"""The generalized Pareto distribution: tails beyond a threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """Values from `loc` on, of a `scale`; the tail is heavy for positive `concentration`.

    Args:
        loc: the threshold.
        scale: the scale.
        concentration: the shape; 0 gives the exponential distribution, below 0 values end.
        validate_args: whether parameters and values are checked.
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(
        self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        new: Self = self._expand_parameters(
            GeneralizedPareto, batch_shape, _instance, loc=(), scale=(), concentration=()
        )
        return new

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """From `loc` to the end, if there is one."""
        end = self.loc - self.scale / self.concentration.clamp(max=-1e-38)
        upper = _C.where(self.concentration < 0, end, _C.full_like(end, math.inf))
        return constraints.interval(self.loc, upper)

    def _is_exponential(self) -> _C.Tensor:
        return _C.isclose(self.concentration, _C.zeros_like(self.concentration))

    def _shape(self) -> _C.Tensor:
        """The concentration, with ones where it is 0 and another formula holds."""
        ones = _C.ones_like(self.concentration)
        return _C.where(self._is_exponential(), ones, self.concentration)

    def rsample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws with gradients: the quantiles of uniform numbers."""
        shape = self._extended_shape(sample_shape)
        return self.icdf(_C.rand(shape, dtype=self.loc.dtype, device=self.loc.device))

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density."""
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        shape = self._shape()
        general = (1 + 1 / shape) * _C.log1p(shape * z)
        return -self.scale.log() - _C.where(self._is_exponential(), z, general)

    def log_survival_function(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the probability of values beyond `value`."""
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        shape = self._shape()
        return -_C.where(self._is_exponential(), z, _C.log1p(shape * z) / shape)

    def cdf(self, value: _C.Tensor) -> _C.Tensor:
        """The probability of values up to `value`."""
        return 1 - _C.exp(self.log_survival_function(value))

    def icdf(self, value: _C.Tensor) -> _C.Tensor:
        """The value up to which the probability is `value`."""
        shape = self._shape()
        beyond = _C.log1p(-value)
        general = _C.expm1(-shape * beyond) / shape
        return self.loc + self.scale * _C.where(self._is_exponential(), -beyond, general)

    def _valid(self, limit: float, finite: _C.Tensor) -> _C.Tensor:
        """`finite` where the concentration is below a limit, else NaN, as in PyTorch."""
        return _C.where(self.concentration < limit, finite, _C.full_like(finite, math.nan))

    @property
    def mean(self) -> _C.Tensor:
        """The mean; NaN from concentration 1 on."""
        return self._valid(1, self.loc + self.scale / (1 - self.concentration))

    @property
    def variance(self) -> _C.Tensor:
        """The variance; NaN from concentration 1/2 on."""
        shape = self.concentration
        return self._valid(0.5, self.scale**2 / ((1 - shape) ** 2 * (1 - 2 * shape)))

    @property
    def mode(self) -> _C.Tensor:
        """`loc`."""
        return self.loc

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        return (self.scale.log() + self.concentration + 1).expand(self._batch_shape)
