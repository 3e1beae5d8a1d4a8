"""The normal distribution of vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from .distribution import Distribution
from .utils import lazy_property

__all__ = ["MultivariateNormal"]


def _times(matrix: _C.Tensor, vector: _C.Tensor) -> _C.Tensor:
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def _squared_length(triangle: _C.Tensor, x: _C.Tensor) -> _C.Tensor:
    """The squared length of `triangle^-1 x`, batches broadcast."""
    solved = _C.linalg_solve_triangular(triangle, x.unsqueeze(-1), upper=False)
    return solved.squeeze(-1).pow(2).sum(-1)


def _precision_to_scale_tril(precision: _C.Tensor) -> _C.Tensor:
    """The Cholesky factor of the inverse, through the factor of the flipped matrix."""
    flipped = _C.linalg_cholesky(precision.flip((-2, -1)))
    inverse = flipped.flip((-2, -1)).mT
    eye = _C.eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return _C.linalg_solve_triangular(inverse, eye, upper=False)


class MultivariateNormal(Distribution):
    """Normal vectors of mean `loc`, and one of covariance, precision or Cholesky factor."""

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: _C.Tensor,
        covariance_matrix: _C.Tensor | None = None,
        precision_matrix: _C.Tensor | None = None,
        scale_tril: _C.Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        from pyrite import broadcast_shapes

        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = {
            "scale_tril": scale_tril,
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
        }
        named = {name: value for name, value in given.items() if value is not None}
        if len(named) != 1:
            raise ValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be "
                "specified."
            )
        ((name, matrix),) = named.items()
        if matrix.dim() < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch_shape = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand((*batch_shape, -1, -1)))
        self.loc = loc.expand((*batch_shape, -1))
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        if scale_tril is not None:
            self._unbroadcasted_scale_tril = scale_tril
        elif covariance_matrix is not None:
            self._unbroadcasted_scale_tril = _C.linalg_cholesky(covariance_matrix)
        else:
            self._unbroadcasted_scale_tril = _precision_to_scale_tril(matrix)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        matrix = (*self._event_shape, *self._event_shape)
        new: Self = self._expand_parameters(
            MultivariateNormal,
            batch_shape,
            _instance,
            loc=self._event_shape,
            covariance_matrix=matrix,
            precision_matrix=matrix,
            scale_tril=matrix,
        )
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        return new

    def _whole(self, matrix: _C.Tensor) -> _C.Tensor:
        return matrix.expand((*self._batch_shape, *self._event_shape, *self._event_shape))

    @lazy_property
    def scale_tril(self) -> _C.Tensor:
        """The Cholesky factor of the covariance."""
        return self._whole(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> _C.Tensor:
        """The covariance."""
        factor = self._unbroadcasted_scale_tril
        return self._whole(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self) -> _C.Tensor:
        """The inverse of the covariance."""
        return self._whole(_C.cholesky_inverse(self._unbroadcasted_scale_tril))

    @property
    def mean(self) -> _C.Tensor:
        """`loc`."""
        return self.loc

    @property
    def mode(self) -> _C.Tensor:
        """`loc`."""
        return self.loc

    @property
    def variance(self) -> _C.Tensor:
        """The diagonal of the covariance."""
        diagonal = self._unbroadcasted_scale_tril.pow(2).sum(-1)
        return diagonal.expand((*self._batch_shape, *self._event_shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws with gradients: `loc + L e` with standard normal `e`."""
        shape = self._extended_shape(sample_shape)
        drawn = _C.empty(shape, dtype=self.loc.dtype, device=self.loc.device).normal_()
        return self.loc + _times(self._unbroadcasted_scale_tril, drawn)

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density."""
        if self._validate_args:
            self._validate_sample(value)
        factor = self._unbroadcasted_scale_tril
        distance = _squared_length(factor, value - self.loc)
        volume = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - volume

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        volume = self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        entropy = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + volume
        return entropy.expand(self._batch_shape) if self._batch_shape else entropy
