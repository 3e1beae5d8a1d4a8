"""One-hot draws made continuous (Maddison et al. 2017; Jang et al. 2017)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C
from pyrite._size import Size

from . import constraints
from .categorical import Categorical
from .distribution import Distribution
from .transformed_distribution import TransformedDistribution
from .transforms import ExpTransform
from .utils import broadcast_all, clamp_probs

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(Distribution):
    """The logarithm of a `RelaxedOneHotCategorical`."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        temperature: _C.Tensor,
        probs: _C.Tensor | None = None,
        logits: _C.Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        batch_shape = self._categorical.batch_shape
        event_shape = self._categorical.param_shape[-1:]
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameter expanded to `batch_shape + event_shape`."""
        new: Self = self._expand_parameters(ExpRelaxedCategorical, batch_shape, _instance)
        new.temperature = self.temperature
        new._categorical = self._categorical.expand(batch_shape)
        return new

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter, classes last."""
        return self._categorical.param_shape

    @property
    def logits(self) -> _C.Tensor:
        """Log probabilities over the last dim."""
        return self._categorical.logits

    @property
    def probs(self) -> _C.Tensor:
        """Probabilities over the last dim."""
        return self._categorical.probs

    def rsample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws with gradients: Gumbel noise added to the logits, over the temperature."""
        logits, shape = self.logits, self._extended_shape(sample_shape)
        drawn = clamp_probs(_C.rand(shape, dtype=logits.dtype, device=logits.device))
        scores = (logits - (-(drawn.log())).log()) / self.temperature
        return scores - scores.logsumexp(dim=-1, keepdim=True)

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density."""
        size = self._categorical._num_events
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        volume = math.lgamma(size) - self.temperature.log().mul(-(size - 1))
        score = logits - value.mul(self.temperature)
        return (score - score.logsumexp(dim=-1, keepdim=True)).sum(-1) + volume


class RelaxedOneHotCategorical(TransformedDistribution):
    """Points of the simplex that tend to its corners as `temperature` falls."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True
    base_dist: ExpRelaxedCategorical

    def __init__(
        self,
        temperature: _C.Tensor,
        probs: _C.Tensor | None = None,
        logits: _C.Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameter expanded to `batch_shape + event_shape`."""
        new = self._get_checked_instance(RelaxedOneHotCategorical, _instance)
        return super().expand(batch_shape, new)

    @property
    def temperature(self) -> _C.Tensor:
        """How far from the corners draws lie."""
        return self.base_dist.temperature

    @property
    def logits(self) -> _C.Tensor:
        """Log probabilities over the last dim."""
        return self.base_dist.logits

    @property
    def probs(self) -> _C.Tensor:
        """Probabilities over the last dim."""
        return self.base_dist.probs
