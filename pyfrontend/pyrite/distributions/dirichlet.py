"""The Dirichlet distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from .exp_family import ExponentialFamily

__all__ = ["Dirichlet"]


class Dirichlet(ExponentialFamily):
    """Points of the simplex; the last dim of `concentration` is that of the simplex."""

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: _C.Tensor, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> _C.Tensor:
        """The share of each concentration in their sum."""
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> _C.Tensor:
        """The most likely point; a corner where no concentration is above 1."""
        from pyrite.nn.functional import one_hot

        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, True)
        outside = (self.concentration < 1).all(dim=-1)
        corner = one_hot(mode[outside].argmax(dim=-1), above.shape[-1]).to(mode)
        mode[outside] = corner
        return mode

    @property
    def variance(self) -> _C.Tensor:
        """The variance of each component."""
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameter expanded to `batch_shape + event_shape`."""
        new: Self = self._expand_parameters(
            Dirichlet, batch_shape, _instance, concentration=self._event_shape
        )
        return new

    def rsample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws with gradients: shares of gammas.

        Gradients have the expectation of PyTorch's, which follows another path to the same draws.
        """
        shape = self._extended_shape(sample_shape)
        return _C._sample_dirichlet(self.concentration.expand(shape))

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density."""
        if self._validate_args:
            self._validate_sample(value)
        shape = self.concentration
        known = (shape - 1.0).xlogy(value).sum(-1)
        return known + shape.sum(-1).lgamma() - shape.lgamma().sum(-1)

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        size, shape = self.concentration.size(-1), self.concentration
        total = shape.sum(-1)
        known = shape.lgamma().sum(-1) - total.lgamma() - (size - total) * total.digamma()
        return known - ((shape - 1.0) * shape.digamma()).sum(-1)
