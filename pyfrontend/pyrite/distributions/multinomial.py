"""The multinomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C
from pyrite._size import Size

from . import constraints
from .binomial import Binomial
from .categorical import Categorical
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["Multinomial"]


class Multinomial(Distribution):
    """How often each class comes up in `total_count` draws of a `Categorical`."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    total_count: int

    def __init__(
        self,
        total_count: int = 1,
        probs: _C.Tensor | None = None,
        logits: _C.Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        self._binomial = Binomial(total_count=total_count, probs=self.probs)
        batch_shape = self._categorical.batch_shape
        event_shape = self._categorical.param_shape[-1:]
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameter expanded to `batch_shape + event_shape`."""
        new: Self = self._expand_parameters(Multinomial, batch_shape, _instance)
        new.total_count = self.total_count
        new._categorical = self._categorical.expand(batch_shape)
        new._binomial = self._binomial.expand((*batch_shape, *self._event_shape))
        return new

    @property
    def support(self) -> constraints.Constraint:
        """Counts with a sum of `total_count`."""
        return constraints.multinomial(self.total_count)

    @property
    def logits(self) -> _C.Tensor:
        """Log probabilities over the last dim."""
        return self._categorical.logits

    @property
    def probs(self) -> _C.Tensor:
        """Probabilities over the last dim."""
        return self._categorical.probs

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter, classes last."""
        return self._categorical.param_shape

    @property
    def mean(self) -> _C.Tensor:
        """`total_count * probs`."""
        return self.probs * self.total_count

    @property
    def variance(self) -> _C.Tensor:
        """`total_count * probs * (1 - probs)`."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws: `sample_shape + batch_shape + event_shape`, in the parameter's dtype."""
        drawn = self._categorical.sample((self.total_count, *sample_shape))
        drawn = drawn.movedim(0, -1)
        shape = self._extended_shape(sample_shape)
        counts = _C.zeros(shape, dtype=_C.int64, device=drawn.device)
        return counts.scatter_add_(-1, drawn, _C.ones_like(drawn)).type_as(self.probs)

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        n = _C.tensor(self.total_count)
        support = self._binomial.enumerate_support(expand=False)[1:]
        likelihood = self._binomial.log_prob(support).exp()
        ways = ((likelihood * (support + 1).lgamma()).sum((0, -1))).to(self.probs)
        return self.total_count * self._categorical.entropy() - (n + 1.0).lgamma() + ways

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the probability of the counts in `value`."""
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        logits = logits.clone(memory_format=_C.contiguous_format)
        ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        logits[(value == 0) & (logits == -float("inf"))] = 0
        return ways + (logits * value).sum(-1)
