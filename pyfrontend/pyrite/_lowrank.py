"""Singular values of matrices of low rank, from random projections.

Layer: Python front end, over matrix products, QR and SVD of the core. Algorithms 4.4 and 5.1 of
Halko, Martinsson and Tropp, Finding structure with randomness, 2009 (arXiv:0909.4061).
"""

from __future__ import annotations

from pyrite import _C
from pyrite._C import Tensor
from pyrite.overrides import overridable

__all__ = ["pca_lowrank", "svd_lowrank"]


def _basis(A: Tensor, q: int, niter: int) -> Tensor:
    """Columns `Q` `(..., m, q)`, orthonormal, with `Q Q^H A` near `A`."""
    projections = _C.randn(A.shape[-1], q, dtype=A.dtype, device=A.device)
    Q, _ = _C.linalg_qr(A @ projections)
    for _ in range(niter):
        Q, _ = _C.linalg_qr(A.mH @ Q)
        Q, _ = _C.linalg_qr(A @ Q)
    return Q


@overridable
def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The largest singular values, with vectors, of a matrix near one of low rank.

    Args:
        A: `(..., m, n)`.
        q: how many, somewhat more than the rank.
        niter: subspace iterations; more for singular values that fall slowly.
        M: subtracted from `A`, broadcast to its shape.

    Returns:
        `U (..., m, q)`, `S (..., q)`, `V (..., n, q)` with `A - M` near `U diag(S) V^H`. Random
        numbers are drawn: seed for repeatable results.
    """
    if M is not None:
        A = A - M.broadcast_to(A.shape)
    wide = A.shape[-2] < A.shape[-1]
    if wide:
        A = A.mH
    Q = _basis(A, 6 if q is None else q, 2 if niter is None else niter)
    U, S, Vh = _C.linalg_svd(Q.mH @ A, full_matrices=False)
    U, V = Q @ U, Vh.mH
    return (V, S, U) if wide else (U, S, V)


@overridable
def pca_lowrank(
    A: Tensor, q: int | None = None, center: bool = True, niter: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """Principal components of `m` samples with `n` features, see `svd_lowrank`.

    Args:
        A: `(..., m, n)`, a row a sample.
        q: how many components, at most 6 by default.
        center: subtract the mean of each feature first.
        niter: subspace iterations.

    Raises:
        ValueError: `q` is larger than the matrix, or `niter` negative.
    """
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if center:
        A = A - A.mean(dim=-2, keepdim=True)
    return svd_lowrank(A, q, niter)
