"""The categorical distribution over one-hot vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C
from pyrite._size import Size

from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]


class OneHotCategorical(Distribution):
    """`Categorical` whose values are vectors with a 1 at the class drawn."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(
        self,
        probs: _C.Tensor | None = None,
        logits: _C.Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical = Categorical(probs, logits)
        batch_shape = self._categorical.batch_shape
        event_shape = self._categorical.param_shape[-1:]
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameter expanded to `batch_shape + event_shape`."""
        new: Self = self._expand_parameters(OneHotCategorical, batch_shape, _instance)
        new._categorical = self._categorical.expand(batch_shape)
        return new

    @property
    def probs(self) -> _C.Tensor:
        """Probabilities over the last dim."""
        return self._categorical.probs

    @property
    def logits(self) -> _C.Tensor:
        """Log probabilities over the last dim."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter, classes last."""
        return self._categorical.param_shape

    @property
    def mean(self) -> _C.Tensor:
        """`probs`."""
        return self.probs

    @property
    def mode(self) -> _C.Tensor:
        """The likeliest class as a vector."""
        return self._vector(self.probs.argmax(dim=-1))

    @property
    def variance(self) -> _C.Tensor:
        """`probs * (1 - probs)`."""
        return self.probs * (1 - self.probs)

    def _vector(self, classes: _C.Tensor) -> _C.Tensor:
        from pyrite.nn.functional import one_hot

        return one_hot(classes, self._event_shape[0]).to(self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws: `sample_shape + batch_shape + event_shape`, in the parameter's dtype."""
        from pyrite.autograd import no_grad

        with no_grad():
            return self._vector(self._categorical.sample(sample_shape))

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the probability of each vector in `value`."""
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.max(-1)[1])

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> _C.Tensor:
        """All vectors along a new first dim."""
        size = self._event_shape[0]
        values = _C.eye(size, dtype=self.probs.dtype, device=self.probs.device)
        values = values.view((size, *(1 for _ in self._batch_shape), size))
        return values.expand((size, *self._batch_shape, size)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """Draws carry the gradient of the probabilities (Bengio et al. 2013)."""

    has_rsample = True

    def rsample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws with the gradient of `probs`."""
        drawn = self.sample(sample_shape)
        return drawn + (self.probs - self.probs.detach())
