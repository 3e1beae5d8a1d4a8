"""Distributions of an absolute value: the positive half of a symmetric one, doubled."""

from __future__ import annotations

import math
from typing import Any

from pyrite import _C

from . import constraints
from .transformed_distribution import TransformedDistribution
from .transforms import AbsTransform

__all__ = ["Folded"]


class Folded(TransformedDistribution):
    """The absolute value of a draw from `base`, centred at 0, of the given `scale`."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    base_dist: Any

    def __init__(self, base: Any, validate_args: bool | None) -> None:
        super().__init__(base, AbsTransform(), validate_args=validate_args)

    @property
    def scale(self) -> _C.Tensor:
        """The scale."""
        scale: _C.Tensor = self.base_dist.scale
        return scale

    @property
    def mode(self) -> _C.Tensor:
        """0."""
        return _C.zeros_like(self.scale)

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density."""
        if self._validate_args:
            self._validate_sample(value)
        return self._log_density(value)

    def _log_density(self, value: _C.Tensor) -> _C.Tensor:
        log_prob = self.base_dist.log_prob(value) + math.log(2)
        return _C.where(value >= 0, log_prob, -math.inf)

    def cdf(self, value: _C.Tensor) -> _C.Tensor:
        """The probability of values up to `value`."""
        if self._validate_args:
            self._validate_sample(value)
        cdf: _C.Tensor = 2 * self.base_dist.cdf(value) - 1
        return cdf

    def icdf(self, value: _C.Tensor) -> _C.Tensor:
        """The value below which the probability is `value`."""
        icdf: _C.Tensor = self.base_dist.icdf((value + 1) / 2)
        return icdf

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        entropy: _C.Tensor = self.base_dist.entropy() - math.log(2)
        return entropy
