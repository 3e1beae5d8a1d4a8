"""The geometric distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from ._success import Success
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["Geometric"]


class Geometric(Success, Distribution):
    """How many trials fail before one of probability `probs` (log odds `logits`) succeeds."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._keep(probs, logits)
        super().__init__(self._param.size(), validate_args=validate_args)
        if self._validate_args and probs is not None and not (self.probs > 0).all():
            value, bad = self.probs, self.probs[self.probs <= 0]
            raise ValueError(
                f"Expected parameter probs ({type(value).__name__} of shape {tuple(value.shape)}) "
                f"of distribution {self!r} to be positive but found invalid values:\n{bad}"
            )

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameter expanded to `batch_shape`."""
        new: Self = self._expand_parameters(Geometric, batch_shape, _instance, probs=(), logits=())
        return new

    @property
    def mean(self) -> _C.Tensor:
        """`1 / probs - 1`."""
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> _C.Tensor:
        """0."""
        return _C.zeros_like(self.probs)

    @property
    def variance(self) -> _C.Tensor:
        """`(1 / probs - 1) / probs`."""
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws: `sample_shape + batch_shape`, in the parameter's dtype."""
        from pyrite import finfo
        from pyrite.autograd import no_grad

        shape = self._extended_shape(sample_shape)
        with no_grad():
            drawn = self.probs.new_empty(shape).uniform_(finfo(self.probs.dtype).tiny, 1)
            return (drawn.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the probability of each count in `value`."""
        if self._validate_args:
            self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        probs = probs.clone(memory_format=_C.contiguous_format)
        probs[(probs == 1) & (value == 0)] = 0
        return value * (-probs).log1p() + self.probs.log()

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        from pyrite.nn.functional import binary_cross_entropy_with_logits

        both = binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
        return both / self.probs
