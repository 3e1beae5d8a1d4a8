"""The continuous Bernoulli distribution: numbers between 0 and 1, such as intensities of pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from ._success import Success
from .exp_family import ExponentialFamily
from .utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(Success, ExponentialFamily):
    """Density proportional to `probs^x (1 - probs)^(1 - x)`, `probs` given or its log odds.

    Between the two `lims` around 1/2, where the closed forms cancel, Taylor series stand for them.
    Source: Loaiza-Ganem and Cunningham, "The continuous Bernoulli", NeurIPS 2019.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        self._keep(probs, logits)
        self._lims = lims
        if probs is not None:
            # What is clamped below would pass the check of the base.
            if validate_args is not None and not constraints.unit_interval.check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = clamp_probs(self.probs)
        super().__init__(self._param.size(), validate_args=validate_args)

    @lazy_property
    def probs(self) -> _C.Tensor:
        """The parameter, within the dtype's epsilon of 0 and 1."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameter expanded to `batch_shape`."""
        new: Self = self._expand_parameters(
            ContinuousBernoulli, batch_shape, _instance, probs=(), logits=()
        )
        new._lims = self._lims
        return new

    def _closed(self) -> _C.Tensor:
        """Where the closed forms are stable."""
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _cut_probs(self) -> _C.Tensor:
        return _C.where(self._closed(), self.probs, self._lims[0])

    def _log_norm(self) -> _C.Tensor:
        """The logarithm of what makes the density integrate to 1."""
        cut = self._cut_probs()
        below, above = cut.clamp(max=0.5), cut.clamp(min=0.5)
        width = _C.where(cut <= 0.5, (-2.0 * below).log1p(), (2.0 * above - 1.0).log())
        closed = ((-cut).log1p() - cut.log()).abs().log() - width
        square = (self.probs - 0.5) ** 2
        series = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * square) * square
        return _C.where(self._closed(), closed, series)

    @property
    def mean(self) -> _C.Tensor:
        """The mean."""
        cut = self._cut_probs()
        closed = cut / (2.0 * cut - 1.0) + 1.0 / ((-cut).log1p() - cut.log())
        x = self.probs - 0.5
        series = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x**2) * x
        return _C.where(self._closed(), closed, series)

    @property
    def variance(self) -> _C.Tensor:
        """The variance."""
        cut = self._cut_probs()
        closed = cut * (cut - 1.0) / (1.0 - 2.0 * cut) ** 2
        closed = closed + 1.0 / ((-cut).log1p() - cut.log()) ** 2
        square = (self.probs - 0.5) ** 2
        series = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * square) * square
        return _C.where(self._closed(), closed, series)

    def rsample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws with gradients, by the inverse distribution function."""
        shape = self._extended_shape(sample_shape)
        return self.icdf(_C.rand(shape, dtype=self.probs.dtype, device=self.probs.device))

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density."""
        from pyrite.nn.functional import binary_cross_entropy_with_logits

        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        likelihood = -binary_cross_entropy_with_logits(logits, value, reduction="none")
        return likelihood + self._log_norm()

    def cdf(self, value: _C.Tensor) -> _C.Tensor:
        """The probability of values up to `value`."""
        if self._validate_args:
            self._validate_sample(value)
        cut = self._cut_probs()
        closed = (cut**value * (1.0 - cut) ** (1.0 - value) + cut - 1.0) / (2.0 * cut - 1.0)
        inside = _C.where(self._closed(), closed, value)
        return _C.where(value <= 0.0, 0.0, _C.where(value >= 1.0, 1.0, inside))

    def icdf(self, value: _C.Tensor) -> _C.Tensor:
        """The inverse of `cdf`."""
        cut = self._cut_probs()
        odds = (-cut + value * (2.0 * cut - 1.0)).log1p() - (-cut).log1p()
        return _C.where(self._closed(), odds / (cut.log() - (-cut).log1p()), value)

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        log_rest = (-self.probs).log1p()
        return self.mean * (log_rest - self.probs.log()) - self._log_norm() - log_rest
