"""Mixtures of distributions of one family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C
from pyrite._size import Size

from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """The last batch dim of `component_distribution`, chosen by `mixture_distribution`."""

    arg_constraints: dict[str, constraints.Constraint] = {}
    has_rsample = False

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                " The Mixture distribution needs to be an  instance of "
                "torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution need to be an instance of "
                "torch.distributions.Distribution"
            )
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        batch_shape = component_distribution.batch_shape[:-1]
        pairs = zip(mixture_distribution.batch_shape, batch_shape, strict=False)
        for own, other in pairs:
            if 1 not in (own, other) and own != other:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({mixture_distribution.batch_shape}) is "
                    f"not compatible with `component_distribution.batch_shape`({batch_shape})"
                )
        count = mixture_distribution.logits.shape[-1]
        parts = component_distribution.batch_shape[-1]
        if count != parts:
            raise ValueError(
                f"`mixture_distribution component` ({count}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({parts})"
            )
        self._num_component = count
        event_shape = component_distribution.event_shape
        self._event_ndims = len(event_shape)
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same mixture with its parts expanded to `batch_shape`."""
        new: Self = self._expand_parameters(MixtureSameFamily, batch_shape, _instance)
        components = Size((*batch_shape, self._num_component))
        new._component_distribution = self._component_distribution.expand(components)
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        new._num_component = self._num_component
        new._event_ndims = self._event_ndims
        return new

    @property
    def support(self) -> constraints.Constraint:
        """The components'."""
        support: constraints.Constraint = self._component_distribution.support
        return support

    @property
    def mixture_distribution(self) -> Categorical:
        """Which component is drawn."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component_distribution

    def _weights(self) -> _C.Tensor:
        probs = self._mixture_distribution.probs
        return probs.reshape((*probs.shape, *(1 for _ in range(self._event_ndims))))

    @property
    def mean(self) -> _C.Tensor:
        """The weighted mean of the components' means."""
        dim = -1 - self._event_ndims
        return (self._weights() * self._component_distribution.mean).sum(dim=dim)

    @property
    def variance(self) -> _C.Tensor:
        """The mean of the variances and the variance of the means."""
        dim = -1 - self._event_ndims
        weights, parts = self._weights(), self._component_distribution
        mean = self.mean.unsqueeze(dim)
        within = (weights * parts.variance).sum(dim=dim)
        return within + (weights * (parts.mean - mean).pow(2.0)).sum(dim=dim)

    def log_prob(self, x: _C.Tensor) -> _C.Tensor:
        """The logarithm of the weighted sum of the components' densities."""
        if self._validate_args:
            self._validate_sample(x)
        parts = self._component_distribution.log_prob(x.unsqueeze(-1 - self._event_ndims))
        weights = self._mixture_distribution.logits.log_softmax(dim=-1)
        return (parts + weights).logsumexp(dim=-1)

    def cdf(self, x: _C.Tensor) -> _C.Tensor:
        """The weighted sum of the components' distribution functions."""
        parts = self._component_distribution.cdf(x.unsqueeze(-1 - self._event_ndims))
        return (parts * self._mixture_distribution.probs).sum(dim=-1)

    def sample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws: a component, and one value of each, of which it chooses."""
        from pyrite.autograd import no_grad

        with no_grad():
            dim = len(sample_shape) + len(self._batch_shape)
            chosen = self._mixture_distribution.sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            ones = (1,) * (self._event_ndims + 1)
            chosen = chosen.reshape((*chosen.shape, *ones))
            repeats = (*(1 for _ in range(dim + 1)), *self._event_shape)
            return drawn.gather(dim, chosen.repeat(repeats)).squeeze(dim)
