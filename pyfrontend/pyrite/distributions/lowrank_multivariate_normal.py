"""The normal distribution of vectors whose covariance is a few factors and a diagonal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C
from pyrite._size import Size

from . import constraints
from .distribution import Distribution
from .multivariate_normal import _squared_length, _times
from .utils import lazy_property

__all__ = ["LowRankMultivariateNormal"]


def _capacitance(factor: _C.Tensor, diagonal: _C.Tensor) -> _C.Tensor:
    """The Cholesky factor of I + W^T D^-1 W, all that is ever inverted."""
    rank = factor.size(-1)
    scaled = factor.mT / diagonal.unsqueeze(-2)  # W^T D^-1
    inner = scaled @ factor
    identity = _C.eye(rank, dtype=factor.dtype, device=factor.device)
    return _C.linalg_cholesky(inner + identity)


class LowRankMultivariateNormal(Distribution):
    """Normal vectors with covariance `W W^T + D`.

    Args:
        loc: the mean.
        cov_factor: W, `(..., size, rank)`.
        cov_diag: the diagonal of D.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: shapes that do not fit.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: _C.Tensor,
        cov_factor: _C.Tensor,
        cov_diag: _C.Tensor,
        validate_args: bool | None = None,
    ) -> None:
        from pyrite import broadcast_tensors

        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event_shape = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        if cov_factor.shape[-2:-1] != event_shape:
            raise ValueError(
                f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m"
            )
        if cov_diag.shape[-1:] != event_shape:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event_shape}")
        loc_, diagonal_ = loc.unsqueeze(-1), cov_diag.unsqueeze(-1)
        try:
            loc_, self.cov_factor, diagonal_ = broadcast_tensors(loc_, cov_factor, diagonal_)
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, "
                f"cov_diag {cov_diag.shape}"
            ) from error
        self.loc, self.cov_diag = loc_[..., 0], diagonal_[..., 0]
        self._factor, self._diagonal = cov_factor, cov_diag
        self._capacitance_tril = _capacitance(cov_factor, cov_diag)
        super().__init__(self.loc.shape[:-1], event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        event = self._event_shape
        new: Self = self._expand_parameters(
            LowRankMultivariateNormal,
            batch_shape,
            _instance,
            loc=event,
            cov_diag=event,
            cov_factor=(*event, self.cov_factor.size(-1)),
        )
        new._factor, new._diagonal = self._factor, self._diagonal
        new._capacitance_tril = self._capacitance_tril
        return new

    def _whole(self, matrix: _C.Tensor) -> _C.Tensor:
        return matrix.expand((*self._batch_shape, *self._event_shape, *self._event_shape))

    @property
    def mean(self) -> _C.Tensor:
        """`loc`."""
        return self.loc

    @property
    def mode(self) -> _C.Tensor:
        """`loc`."""
        return self.loc

    @lazy_property
    def variance(self) -> _C.Tensor:
        """The diagonal of the covariance."""
        variance = self._factor.pow(2).sum(-1) + self._diagonal
        return variance.expand((*self._batch_shape, *self._event_shape))

    @lazy_property
    def scale_tril(self) -> _C.Tensor:
        """The Cholesky factor of the covariance."""
        # D^1/2 times the factor of I + D^-1/2 W W^T D^-1/2, which is better conditioned.
        root = self._diagonal.sqrt().unsqueeze(-1)
        scaled = self._factor / root
        inner = scaled @ scaled.mT
        identity = _C.eye(inner.size(-1), dtype=inner.dtype, device=inner.device)
        return self._whole(root * _C.linalg_cholesky(inner + identity))

    @lazy_property
    def covariance_matrix(self) -> _C.Tensor:
        """The covariance."""
        covariance = self._factor @ self._factor.mT + _C.diag_embed(self._diagonal)
        return self._whole(covariance)

    @lazy_property
    def precision_matrix(self) -> _C.Tensor:
        """The inverse of the covariance, by Woodbury's identity."""
        scaled = self._factor.mT / self._diagonal.unsqueeze(-2)
        a = _C.linalg_solve_triangular(self._capacitance_tril, scaled, upper=False)
        return self._whole(_C.diag_embed(self._diagonal.reciprocal()) - a.mT @ a)

    def rsample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws with gradients: `loc + W e + D^1/2 f` with standard normal `e` and `f`."""
        shape = self._extended_shape(sample_shape)
        options: dict[str, Any] = {"dtype": self.loc.dtype, "device": self.loc.device}
        factors = _C.empty(Size((*shape[:-1], self.cov_factor.shape[-1])), **options).normal_()
        noise = _C.empty(shape, **options).normal_()
        return self.loc + _times(self._factor, factors) + self._diagonal.sqrt() * noise

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density, by the determinant lemma and Woodbury's identity."""
        if self._validate_args:
            self._validate_sample(value)
        difference = value - self.loc
        scaled = self._factor.mT / self._diagonal.unsqueeze(-2)
        within = difference.pow(2).div(self._diagonal).sum(-1)
        explained = _squared_length(self._capacitance_tril, _times(scaled, difference))
        size = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (size + self._log_determinant() + within - explained)

    def _log_determinant(self) -> _C.Tensor:
        inner = self._capacitance_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return 2 * inner + self._diagonal.log().sum(-1)

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        size = self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        entropy = 0.5 * (size + self._log_determinant())
        return entropy.expand(self._batch_shape) if self._batch_shape else entropy
