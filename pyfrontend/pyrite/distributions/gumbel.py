"""The Gumbel distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Number
from typing import Any, Self

from pyrite import _C

from . import constraints
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, ExpTransform
from .uniform import Uniform
from .utils import broadcast_all

__all__ = ["Gumbel"]

EULER = 0.5772156649015329


class Gumbel(TransformedDistribution):
    """The limit of maxima: `loc - scale * log(-log(u))` with uniform u."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        from pyrite import finfo

        self.loc, self.scale = broadcast_all(loc, scale)
        info = finfo(self.loc.dtype)
        low: Any = info.tiny
        high: Any = 1 - info.eps
        if not (isinstance(loc, Number) and isinstance(scale, Number)):
            low, high = _C.full_like(self.loc, low), _C.full_like(self.loc, high)
        base = Uniform(low, high, validate_args=validate_args)
        transforms = [
            ExpTransform().inv,
            AffineTransform(loc=0, scale=-_C.ones_like(self.scale)),
            ExpTransform().inv,
            AffineTransform(loc=loc, scale=-self.scale),
        ]
        super().__init__(base, transforms, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        new: Self = self._get_checked_instance(Gumbel, _instance)
        new.loc = self.loc.expand(batch_shape)
        new.scale = self.scale.expand(batch_shape)
        return super().expand(batch_shape, new)

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density."""
        if self._validate_args:
            self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    @property
    def mean(self) -> _C.Tensor:
        """`loc + scale * Euler's constant`."""
        return self.loc + self.scale * EULER

    @property
    def mode(self) -> _C.Tensor:
        """`loc`."""
        return self.loc

    @property
    def stddev(self) -> _C.Tensor:
        """`scale * pi / sqrt(6)`."""
        return (math.pi / math.sqrt(6)) * self.scale

    @property
    def variance(self) -> _C.Tensor:
        """The square of `stddev`."""
        return self.stddev.pow(2)

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        return self.scale.log() + (1 + EULER)
