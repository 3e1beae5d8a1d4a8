"""The categorical distribution: one of K classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C
from pyrite._size import Size

from . import constraints
from .distribution import Distribution
from .utils import lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Categorical"]


class Categorical(Distribution):
    """Class k of K with probability `probs[..., k]`, given directly or as `logits`, not both.

    `probs` need not sum to 1 and `logits` need not be normalised: the last dim is normalised here.

    Example:
        >>> die = pyrite.distributions.Categorical(probs=pyrite.ones(6))
        >>> die.entropy()
        tensor(1.7918)
    """

    arg_constraints = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }
    has_enumerate_support = True

    def __init__(
        self,
        probs: _C.Tensor | None = None,
        logits: _C.Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if probs is not None and logits is None:
            if probs.dim() < 1:
                raise ValueError("`probs` parameter must be at least one-dimensional.")
            self.probs = probs / probs.sum(-1, keepdim=True)
        elif logits is not None and probs is None:
            if logits.dim() < 1:
                raise ValueError("`logits` parameter must be at least one-dimensional.")
            self.logits = logits - logits.logsumexp(dim=-1, keepdim=True)
        else:
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        self._num_events = self._param.size(-1)
        super().__init__(self._param.size()[:-1], validate_args=validate_args)

    @lazy_property
    def logits(self) -> _C.Tensor:
        """Log probabilities over the last dim."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> _C.Tensor:
        """Probabilities over the last dim."""
        return logits_to_probs(self.logits)

    @property
    def _param(self) -> _C.Tensor:
        return self.probs if "probs" in vars(self) else self.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter, classes last."""
        return self._param.shape

    @property
    def support(self) -> constraints.Constraint:
        """0 to K - 1."""
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> _C.Tensor:
        """NaN: classes have no mean."""
        return self._undefined()

    @property
    def variance(self) -> _C.Tensor:
        """NaN: classes have no variance."""
        return self._undefined()

    def _undefined(self) -> _C.Tensor:
        nan = self.probs.new_tensor(float("nan"))
        return nan.expand(self._extended_shape()).clone()

    @property
    def mode(self) -> _C.Tensor:
        """The likeliest class."""
        return self.probs.argmax(dim=-1)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameter expanded to `batch_shape + (K,)`."""
        new: Self = self._get_checked_instance(Categorical, _instance)
        for name in ("probs", "logits"):
            if name in vars(self):
                setattr(new, name, vars(self)[name].expand((*batch_shape, self._num_events)))
        new._num_events = self._num_events
        super(Categorical, new).__init__(batch_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def sample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws classes: `sample_shape + batch_shape`, int64."""
        rows = self.probs.reshape(-1, self._num_events)
        drawn = _C.multinomial(rows, Size(sample_shape).numel(), True)  # (rows, samples)
        return drawn.T.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the probability of each class in `value`."""
        from pyrite import broadcast_tensors

        if self._validate_args:
            self._validate_sample(value)
        value, logits = broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> _C.Tensor:
        """The entropy in nats; impossible classes count nothing."""
        from pyrite.type_info import finfo

        logits = self.logits.clamp(min=finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> _C.Tensor:
        """All classes along a new first dim."""
        values = _C.arange(self._num_events, dtype=_C.int64, device=self._param.device)
        values = values.view((-1, *(1 for _ in self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values
