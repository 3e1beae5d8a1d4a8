"""_Orthogonal matrices from unconstrained ones: the parametrization behind `orthogonal`.

Layer L6. Source: Lezcano-Casado and Martinez-Rubio 2019, Cheap orthogonal constraints in neural
networks; Lezcano-Casado 2019, Trivializations for gradient-based optimization on manifolds.
"""

from __future__ import annotations

import enum
from typing import Any

import pyrite
from pyrite._C import Tensor
from pyrite.nn.module import Module

__all__ = ["OrthogonalMap", "_Orthogonal", "choose_map"]


class OrthogonalMap(enum.Enum):
    """How a matrix becomes orthogonal."""

    matrix_exp = enum.auto()
    cayley = enum.auto()
    householder = enum.auto()


def _is_orthogonal(q: Tensor) -> bool:
    rows, columns = q.size(-2), q.size(-1)
    identity = pyrite.eye(columns, dtype=q.dtype, device=q.device)
    tolerance = 10.0 * rows * pyrite.finfo(q.dtype).eps
    return bool(pyrite.allclose(q.mH @ q, identity, atol=tolerance))


def _made_orthogonal(a: Tensor) -> Tensor:
    """The orthogonal factor of a tall matrix, with a positive triangular one."""
    x, tau = pyrite.geqrf(a)
    signs = x.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)
    return pyrite.linalg.householder_product(x, tau) * signs


class _Orthogonal(Module):
    """A matrix, or batch of matrices, with orthonormal columns or rows.

    Args:
        weight: what to parametrize.
        orthogonal_map: how.
        use_trivialization: start from the given orthogonal matrix instead of the identity.

    Raises:
        ValueError: Householder reflections of complex matrices.
    """

    base: Tensor | None

    def __init__(
        self, weight: Tensor, orthogonal_map: OrthogonalMap, *, use_trivialization: bool = True
    ) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map is OrthogonalMap.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        """The orthogonal matrix of an unconstrained one."""
        wide = x.size(-2) < x.size(-1)
        x = x.mT if wide else x
        if self.orthogonal_map is OrthogonalMap.householder:
            q = self._reflections(x)
        else:
            q = self._rotation(x)
        base = getattr(self, "base", None)
        if base is not None:
            q = base @ q
        return q.mT if wide else q

    def _rotation(self, x: Tensor) -> Tensor:
        """The first columns of a rotation, made of the skew part of the lower triangle."""
        rows, columns = x.size(-2), x.size(-1)
        x = x.tril()
        if rows != columns:
            padding = x.new_zeros(rows, rows - columns).expand(*x.shape[:-2], -1, -1)
            x = pyrite.cat([x, padding], dim=-1)
        skew = x - x.mH
        if self.orthogonal_map is OrthogonalMap.matrix_exp:
            q = pyrite.matrix_exp(skew)
        else:
            identity = pyrite.eye(rows, dtype=skew.dtype, device=skew.device)
            minus, plus = (pyrite.add(identity, skew, alpha=half) for half in (-0.5, 0.5))
            q = pyrite.linalg.solve(minus, plus)
        return q[..., :columns]

    def _reflections(self, x: Tensor) -> Tensor:
        """A product of Householder reflections, with the signs that the diagonal says."""
        vectors = x.tril(diagonal=-1)
        tau = 2.0 / (1.0 + (vectors * vectors).sum(dim=-2))
        q = pyrite.linalg.householder_product(vectors, tau)
        return q * x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)

    @pyrite.no_grad()
    def right_inverse(self, q: Tensor) -> Tensor:
        """An unconstrained matrix that gives this one, which is made orthogonal if it is not.

        Raises:
            ValueError: it has another shape.
            NotImplementedError: rotations without trivialization.
        """
        if q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of "
                f"shape {q.shape}."
            )
        given = q
        wide = q.size(-2) < q.size(-1)
        q = q.mT if wide else q
        rows, columns = q.size(-2), q.size(-1)
        if not hasattr(self, "base"):
            return self._of_reflections(q, wide)
        if rows == columns:
            q = q.clone() if _is_orthogonal(q) else _made_orthogonal(q)
        else:
            more = pyrite.randn(
                *(*q.size()[:-2], rows, rows - columns), dtype=q.dtype, device=q.device
            )
            q = _made_orthogonal(pyrite.cat([q, more], dim=-1))
        self.base = q
        # Whose lower triangle has no skew part, and whose diagonal the reflections read as signs.
        negative = pyrite.zeros_like(given)
        negative.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return negative

    def _of_reflections(self, q: Tensor, wide: bool) -> Tensor:
        if self.orthogonal_map is not OrthogonalMap.householder:
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley "
                "parametrizations when use_trivialization=False."
            )
        a, tau = pyrite.geqrf(q)
        diagonal = a.diagonal(dim1=-2, dim2=-1)
        diagonal.sign_()
        diagonal[tau == 0.0] *= -1
        return a.mT if wide else a


def choose_map(orthogonal_map: str | None, weight: Any) -> OrthogonalMap:
    """The map of a name; by default rotations for square matrices, reflections for others.

    Raises:
        ValueError: there is no such map.
    """
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1] or weight.is_complex()
        return OrthogonalMap.matrix_exp if square else OrthogonalMap.householder
    found = getattr(OrthogonalMap, orthogonal_map, None)
    if found is None:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    chosen: OrthogonalMap = found
    return chosen
