"""The negative binomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from ._success import Success
from .distribution import Distribution
from .gamma import Gamma
from .utils import lazy_property

__all__ = ["NegativeBinomial"]


class NegativeBinomial(Success, Distribution):
    """How many trials of probability `probs` succeed before `total_count` have failed."""

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    total_count: _C.Tensor

    def __init__(
        self,
        total_count: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self._keep(probs, logits, total_count=total_count)
        super().__init__(self._param.size(), validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        new: Self = self._expand_parameters(
            NegativeBinomial, batch_shape, _instance, total_count=(), probs=(), logits=()
        )
        return new

    @property
    def mean(self) -> _C.Tensor:
        """`total_count * exp(logits)`."""
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> _C.Tensor:
        """The most likely count."""
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> _C.Tensor:
        """`mean / (1 - probs)`."""
        return self.mean / (-self.logits).sigmoid()

    @lazy_property
    def _gamma(self) -> Gamma:
        rate = (-self.logits).exp()
        return Gamma(concentration=self.total_count, rate=rate, validate_args=False)

    def sample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws: Poisson counts of gamma rates."""
        from pyrite.autograd import no_grad

        with no_grad():
            return _C.poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the probability of each count in `value`."""
        from pyrite.nn.functional import logsigmoid

        if self._validate_args:
            self._validate_sample(value)
        count, logits = self.total_count, self.logits
        known = count * logsigmoid(-logits) + value * logsigmoid(logits)
        ways = -(count + value).lgamma() + (1.0 + value).lgamma() + count.lgamma()
        ways = ways.masked_fill(count + value == 0.0, 0.0)
        return known - ways
