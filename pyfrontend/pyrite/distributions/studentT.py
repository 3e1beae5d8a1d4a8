"""Student's t-distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from .chi2 import Chi2
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["StudentT"]


class StudentT(Distribution):
    """A standard normal over the root of a mean square of `df` of them, scaled and moved."""

    arg_constraints = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        super().__init__(self.df.size(), validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        new: Self = self._expand_parameters(
            StudentT, batch_shape, _instance, df=(), loc=(), scale=()
        )
        new._chi2 = self._chi2.expand(batch_shape)
        return new

    @property
    def mean(self) -> _C.Tensor:
        """`loc`; NaN for `df` up to 1."""
        mean = self.loc.clone(memory_format=_C.contiguous_format)
        mean[self.df <= 1] = math.nan
        return mean

    @property
    def mode(self) -> _C.Tensor:
        """`loc`."""
        return self.loc

    @property
    def variance(self) -> _C.Tensor:
        """The variance; infinite for `df` up to 2, NaN up to 1."""
        variance = self.df.clone(memory_format=_C.contiguous_format)
        two = self.df > 2
        variance[two] = self.scale[two].pow(2) * self.df[two] / (self.df[two] - 2)
        variance[(self.df <= 2) & (self.df > 1)] = math.inf
        variance[self.df <= 1] = math.nan
        return variance

    def rsample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws: `loc + scale * x / sqrt(z / df)`, x standard normal, z chi-squared."""
        shape = self._extended_shape(sample_shape)
        x = _C.empty(shape, dtype=self.df.dtype, device=self.df.device).normal_()
        z = self._chi2.rsample(sample_shape)
        return self.loc + self.scale * (x * (z / self.df).rsqrt())

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density."""
        if self._validate_args:
            self._validate_sample(value)
        y = (value - self.loc) / self.scale
        volume = self.scale.log() + 0.5 * self.df.log() + 0.5 * math.log(math.pi)
        volume = volume + (0.5 * self.df).lgamma() - (0.5 * (self.df + 1.0)).lgamma()
        return -0.5 * (self.df + 1.0) * (y**2.0 / self.df).log1p() - volume

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        df = self.df
        beta = (0.5 * df).lgamma() + math.lgamma(0.5) - (0.5 * (df + 1)).lgamma()
        slope = (0.5 * (df + 1)).digamma() - (0.5 * df).digamma()
        return self.scale.log() + 0.5 * (df + 1) * slope + 0.5 * df.log() + beta
