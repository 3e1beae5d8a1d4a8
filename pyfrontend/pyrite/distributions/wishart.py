"""The Wishart distribution of positive definite matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Number
from typing import Any, Self

from pyrite import _C
from pyrite._size import Size

from . import constraints
from .chi2 import Chi2
from .exp_family import ExponentialFamily
from .multivariate_normal import _precision_to_scale_tril
from .utils import lazy_property

__all__ = ["Wishart"]

_TRIES = 10


class Wishart(ExponentialFamily):
    """Scatter matrices of `df` normal vectors, whose covariance is given in one of three forms.

    Args:
        df: degrees of freedom, above the matrices' size less 1.
        covariance_matrix: the vectors' covariance.
        precision_matrix: its inverse.
        scale_tril: its Cholesky factor.
        validate_args: whether parameters and values are checked.
    """

    support = constraints.positive_definite
    has_rsample = True

    def __init__(
        self,
        df: Any,
        covariance_matrix: _C.Tensor | None = None,
        precision_matrix: _C.Tensor | None = None,
        scale_tril: _C.Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        from pyrite import broadcast_shapes

        given = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        named = {name: value for name, value in given.items() if value is not None}
        assert len(named) == 1, (
            "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
        )
        ((name, matrix),) = named.items()
        if matrix.dim() < 2:
            raise ValueError(
                "scale_tril must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        if isinstance(df, Number):
            df = _C.tensor(df, dtype=matrix.dtype, device=matrix.device)
        batch_shape = broadcast_shapes(matrix.shape[:-2], df.shape)
        self.df: _C.Tensor = df.expand(batch_shape)
        size = matrix.shape[-1]
        if self.df.le(size - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {size - 1}.")
        setattr(self, name, matrix.expand((*batch_shape, -1, -1)))
        super().__init__(batch_shape, matrix.shape[-2:], validate_args=validate_args)
        if scale_tril is not None:
            self._factor = scale_tril
        elif covariance_matrix is not None:
            self._factor = _C.linalg_cholesky(covariance_matrix)
        else:
            self._factor = _precision_to_scale_tril(matrix)

    @property
    def arg_constraints(self) -> dict[str, Any]:
        """The sets that parameters lie in."""
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        new: Self = self._expand_parameters(
            Wishart,
            batch_shape,
            _instance,
            df=(),
            covariance_matrix=self._event_shape,
            precision_matrix=self._event_shape,
            scale_tril=self._event_shape,
        )
        new._factor = self._factor
        return new

    def _whole(self, matrix: _C.Tensor) -> _C.Tensor:
        return matrix.expand((*self._batch_shape, *self._event_shape))

    @lazy_property
    def scale_tril(self) -> _C.Tensor:
        """The Cholesky factor of the covariance."""
        return self._whole(self._factor)

    @lazy_property
    def covariance_matrix(self) -> _C.Tensor:
        """The covariance of the vectors."""
        return self._whole(self._factor @ self._factor.mT)

    @lazy_property
    def precision_matrix(self) -> _C.Tensor:
        """The inverse of the covariance."""
        return self._whole(_C.cholesky_inverse(self._factor))

    @property
    def mean(self) -> _C.Tensor:
        """`df` times the covariance."""
        return self.df[..., None, None] * self.covariance_matrix

    @property
    def mode(self) -> _C.Tensor:
        """The most likely matrix; NaN where the density has no maximum."""
        factor = self.df - self._event_shape[-1] - 1
        factor = factor.masked_fill(factor <= 0, math.nan)
        return factor[..., None, None] * self.covariance_matrix

    @property
    def variance(self) -> _C.Tensor:
        """The variance of each entry."""
        covariance = self.covariance_matrix
        diagonal = covariance.diagonal(dim1=-2, dim2=-1)
        outer = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self.df[..., None, None] * (covariance.pow(2) + outer)

    def _bartlett(self, sample_shape: Sequence[int]) -> _C.Tensor:
        """Draws as `(L A)(L A)^T`: A has chi draws on its diagonal, normal ones below."""
        from pyrite import finfo

        size = self._event_shape[-1]
        options: Any = {"dtype": self._factor.dtype, "device": self._factor.device}
        chi2 = Chi2(self.df.unsqueeze(-1) - _C.arange(size, **options))
        chi = chi2.rsample(sample_shape).sqrt()
        noise = chi.clamp(min=finfo(chi.dtype).eps).diag_embed()
        row, column = _C.tril_indices(size, size, offset=-1)
        shape = (*sample_shape, *self._batch_shape, size * (size - 1) // 2)
        noise[..., row, column] = _C.randn(shape, **options)
        factor = self._factor @ noise
        return factor @ factor.mT

    def _any_of_batch(self, flags: _C.Tensor) -> _C.Tensor:
        return flags.amax(tuple(range(-len(self._batch_shape), 0))) if self._batch_shape else flags

    def rsample(
        self, sample_shape: Sequence[int] = (), max_try_correction: int | None = None
    ) -> _C.Tensor:
        """Draws with gradients; singular ones are drawn again, up to `max_try_correction` times."""
        sample = self._bartlett(Size(sample_shape))
        # PyTorch 2.13 draws at first the regular ones again; the same seed gives the same matrices.
        again = self._any_of_batch(self.support.check(sample))
        for _ in range(_TRIES if max_try_correction is None else max_try_correction):
            if not again.any():
                break
            drawn = self._bartlett((int(again.sum()),))
            sample[again] = drawn
            again[again.clone()] = self._any_of_batch(~self.support.check(drawn))
        return sample

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density of a matrix."""
        if self._validate_args:
            self._validate_sample(value)
        size = self._event_shape[-1]
        trace = _C.cholesky_solve(value, self._factor).diagonal(dim1=-2, dim2=-1).sum(-1)
        log_det = _C.linalg_slogdet(value)[1]
        return (
            -self.df * self._half_log_scale()
            - (self.df / 2).mvlgamma(size)
            + (self.df - size - 1) / 2 * log_det
            - trace / 2
        )

    def entropy(self) -> _C.Tensor:
        """The entropy in nats."""
        size = self._event_shape[-1]
        half = self.df / 2
        digamma = (half.unsqueeze(-1) - _C.arange(size, device=half.device) / 2).digamma().sum(-1)
        return (
            (size + 1) * self._half_log_scale()
            + half.mvlgamma(size)
            - (self.df - size - 1) / 2 * digamma
            + half * size
        )

    def _half_log_scale(self) -> _C.Tensor:
        """Half of `log det (2 covariance)`."""
        diagonal = self._factor.diagonal(dim1=-2, dim2=-1)
        return self._event_shape[-1] * math.log(2) / 2 + diagonal.log().sum(-1)
