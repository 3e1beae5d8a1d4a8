"""The Bernoulli distribution: 1 or 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from ._success import Success
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Bernoulli"]


class Bernoulli(Success, ExponentialFamily):
    """1 with probability `probs`, given directly or as log odds `logits`, not both."""

    arg_constraints = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._keep(probs, logits)
        super().__init__(self._param.size(), validate_args=validate_args)

    @property
    def mean(self) -> _C.Tensor:
        """`probs`."""
        return self.probs

    @property
    def mode(self) -> _C.Tensor:
        """The likelier value; NaN where both are as likely."""
        likelier = (self.probs >= 0.5).to(self.probs)
        return likelier.masked_fill(self.probs == 0.5, float("nan"))

    @property
    def variance(self) -> _C.Tensor:
        """`probs * (1 - probs)`."""
        return self.probs * (1 - self.probs)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameter expanded to `batch_shape`."""
        new: Self = self._expand_parameters(Bernoulli, batch_shape, _instance, probs=(), logits=())
        return new

    def sample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws: `sample_shape + batch_shape`, in the parameter's dtype."""
        from pyrite.autograd import no_grad

        with no_grad():
            return _C.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the probability of 0 or 1."""
        if self._validate_args:
            self._validate_sample(value)
        from pyrite.nn.functional import binary_cross_entropy_with_logits

        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        from pyrite.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> _C.Tensor:
        """0 and 1 along a new first dim."""
        return self._whole_numbers(2, self._batch_shape, expand)
