"""The inverse gamma distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from .gamma import Gamma
from .transformed_distribution import TransformedDistribution
from .transforms import PowerTransform

__all__ = ["InverseGamma"]


class InverseGamma(TransformedDistribution):
    """The reciprocal of a `Gamma` of the same parameters."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True
    base_dist: Gamma

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args=validate_args)
        power = PowerTransform(exponent=-base.rate.new_ones(()))
        super().__init__(base, power, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        return super().expand(batch_shape, self._get_checked_instance(InverseGamma, _instance))

    @property
    def concentration(self) -> _C.Tensor:
        """The shape."""
        return self.base_dist.concentration

    @property
    def rate(self) -> _C.Tensor:
        """The scale (the rate of the reciprocal)."""
        return self.base_dist.rate

    @property
    def mean(self) -> _C.Tensor:
        """The mean; infinite for shapes up to 1."""
        result = self.rate / (self.concentration - 1)
        return _C.where(self.concentration > 1, result, float("inf"))

    @property
    def mode(self) -> _C.Tensor:
        """The most likely value."""
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> _C.Tensor:
        """The variance; infinite for shapes up to 2."""
        shape = self.concentration
        result = self.rate.square() / ((shape - 1).square() * (shape - 2))
        return _C.where(shape > 2, result, float("inf"))

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        shape = self.concentration
        return shape + self.rate.log() + shape.lgamma() - (1 + shape) * shape.digamma()
