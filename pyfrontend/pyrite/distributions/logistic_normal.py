"""The logistic normal distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

from pyrite import _C

from . import constraints
from .independent import Independent
from .normal import Normal
from .transformed_distribution import TransformedDistribution
from .transforms import StickBreakingTransform

__all__ = ["LogisticNormal"]


class LogisticNormal(TransformedDistribution):
    """Points of the simplex whose stick-breaking coordinates are normal."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True
    base_dist: Independent

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        return super().expand(batch_shape, self._get_checked_instance(LogisticNormal, _instance))

    @property
    def loc(self) -> _C.Tensor:
        """The mean of the coordinates."""
        return cast(Normal, self.base_dist.base_dist).loc

    @property
    def scale(self) -> _C.Tensor:
        """The standard deviation of the coordinates."""
        return cast(Normal, self.base_dist.base_dist).scale
