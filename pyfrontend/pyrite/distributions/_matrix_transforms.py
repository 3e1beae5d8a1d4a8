"""Maps from unconstrained numbers to matrices: Cholesky factors and positive definite matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyrite import _C
from pyrite._size import Size

from . import constraints
from ._transform import Transform
from .utils import tril_matrix_to_vec, vec_to_tril_matrix

__all__ = ["CorrCholeskyTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform"]


class CorrCholeskyTransform(Transform):
    """Vectors of D (D - 1) / 2 numbers to the Cholesky factor of a D x D correlation matrix.

    Row by row, `tanh` makes partial correlations and stick-breaking of their squares makes rows of
    length 1 (Stan reference manual, "Cholesky factors of correlation matrices").
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        from pyrite import finfo
        from pyrite.nn.functional import pad

        eps = finfo(x.dtype).eps
        partial = vec_to_tril_matrix(x.tanh().clamp(min=-1 + eps, max=1 - eps), diag=-1)
        left = (1 - partial**2).sqrt().cumprod(-1)
        with_diagonal = partial + _C.eye(partial.shape[-1], dtype=x.dtype, device=x.device)
        return with_diagonal * pad(left[..., :-1], [1, 0], value=1)

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        from pyrite.nn.functional import pad

        left = pad((1 - (y * y).cumsum(-1))[..., :-1], [1, 0], value=1)
        partial = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(left, diag=-1).sqrt()
        return (partial.log1p() - (-partial).log1p()) / 2

    def log_abs_det_jacobian(self, x: _C.Tensor, y: _C.Tensor) -> _C.Tensor:
        """`log |dy / dx|` of the entries below the diagonal."""
        from pyrite.nn.functional import softplus

        left = 1 - (y * y).cumsum(-1)
        breaking = 0.5 * tril_matrix_to_vec(left, diag=-2).log().sum(-1)
        squashing = -2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)
        return breaking + squashing

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        """The shape of results.

        Raises:
            ValueError: no matrix has as many entries below its diagonal.
        """
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        count = shape[-1]
        size = round((0.25 + 2 * count) ** 0.5 + 0.5)
        if size * (size - 1) // 2 != count:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return Size((*shape[:-1], size, size))

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        """The shape of values.

        Raises:
            ValueError: the last two dims are not a square.
        """
        if len(shape) < 2:
            raise ValueError("Too few dimensions on input")
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))


class LowerCholeskyTransform(Transform):
    """Square matrices to lower triangles with a positive diagonal: its exponential."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LowerCholeskyTransform)

    __hash__ = Transform.__hash__

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """Square matrices to positive definite ones, through their Cholesky factor."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PositiveDefiniteTransform)

    __hash__ = Transform.__hash__

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        return LowerCholeskyTransform().inv(_C.linalg_cholesky(y))
