"""The F-distribution of Fisher and Snedecor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from .distribution import Distribution
from .gamma import Gamma
from .utils import broadcast_all

__all__ = ["FisherSnedecor"]


class FisherSnedecor(Distribution):
    """The ratio of two chi-squared numbers, each over its degrees of freedom."""

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self.df1, self.df2 = broadcast_all(df1, df2)
        self._gamma1 = Gamma(self.df1 * 0.5, self.df1)
        self._gamma2 = Gamma(self.df2 * 0.5, self.df2)
        super().__init__(self.df1.size(), validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        new: Self = self._expand_parameters(FisherSnedecor, batch_shape, _instance, df1=(), df2=())
        new._gamma1 = self._gamma1.expand(batch_shape)
        new._gamma2 = self._gamma2.expand(batch_shape)
        return new

    def _with_nan(self, degrees: _C.Tensor, limit: float) -> _C.Tensor:
        return degrees.masked_fill(degrees <= limit, float("nan"))

    @property
    def mean(self) -> _C.Tensor:
        """The mean; NaN for `df2` up to 2."""
        degrees = self._with_nan(self.df2, 2)
        return degrees / (degrees - 2)

    @property
    def mode(self) -> _C.Tensor:
        """The most likely value; NaN for `df1` up to 2."""
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return mode.masked_fill(self.df1 <= 2, float("nan"))

    @property
    def variance(self) -> _C.Tensor:
        """The variance; NaN for `df2` up to 4."""
        degrees = self._with_nan(self.df2, 4)
        spread = 2 * degrees.pow(2) * (self.df1 + degrees - 2)
        return spread / (self.df1 * (degrees - 2).pow(2) * (degrees - 4))

    def rsample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws: the ratio of two gammas."""
        from pyrite import finfo

        shape = self._extended_shape(sample_shape)
        above = self._gamma1.rsample(sample_shape).view(shape)
        below = self._gamma2.rsample(sample_shape).view(shape)
        tiny = finfo(below.dtype).tiny
        return (above / below.clamp(min=tiny)).clamp(min=tiny)

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density."""
        if self._validate_args:
            self._validate_sample(value)
        first, second = self.df1 * 0.5, self.df2 * 0.5
        ratio = self.df1 / self.df2
        volume = (first + second).lgamma() - first.lgamma() - second.lgamma()
        known = first * ratio.log() + (first - 1) * value.log()
        return volume + known - (first + second) * (ratio * value).log1p()
