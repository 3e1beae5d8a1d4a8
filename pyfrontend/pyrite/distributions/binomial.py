"""The binomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from ._success import Success
from .distribution import Distribution

__all__ = ["Binomial"]


def _softplus_part(x: _C.Tensor) -> _C.Tensor:
    """`max(x, 0)`, with a gradient of one half at 0."""
    return (x.clamp(min=0) + x - x.clamp(max=0)) / 2


class Binomial(Success, Distribution):
    """How many of `total_count` trials of probability `probs` (log odds `logits`) succeed."""

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True
    total_count: _C.Tensor

    def __init__(
        self,
        total_count: Any = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self._keep(probs, logits, total_count=total_count)
        super().__init__(self._param.size(), validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        new: Self = self._expand_parameters(
            Binomial, batch_shape, _instance, total_count=(), probs=(), logits=()
        )
        return new

    @property
    def support(self) -> constraints.Constraint:
        """0 to `total_count`."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> _C.Tensor:
        """`total_count * probs`."""
        return self.total_count * self.probs

    @property
    def mode(self) -> _C.Tensor:
        """The most likely count."""
        mode = ((self.total_count + 1) * self.probs).floor()
        return _C.minimum(mode.clamp(min=0), self.total_count)

    @property
    def variance(self) -> _C.Tensor:
        """`total_count * probs * (1 - probs)`."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws: `sample_shape + batch_shape`, in the parameter's dtype."""
        from pyrite.autograd import no_grad

        shape = self._extended_shape(sample_shape)
        with no_grad():
            return _C.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the probability of each count in `value`."""
        if self._validate_args:
            self._validate_sample(value)
        count, logits = self.total_count, self.logits
        ways = (count + 1).lgamma() - (value + 1).lgamma() - (count - value + 1).lgamma()
        odds = value * logits - count * _softplus_part(logits)
        return ways + odds - count * (-logits.abs()).exp().log1p()

    def entropy(self) -> _C.Tensor:
        """The entropy in nats; all counts must be equal."""
        most = int(self.total_count.max())
        if not self.total_count.min() == most:
            raise NotImplementedError("Inhomogeneous total count not supported by `entropy`.")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> _C.Tensor:
        """All counts along a new first dim; all `total_count` must be equal."""
        most = int(self.total_count.max())
        if not self.total_count.min() == most:
            raise NotImplementedError(
                "Inhomogeneous total count not supported by `enumerate_support`."
            )
        return self._whole_numbers(1 + most, self._batch_shape, expand)
