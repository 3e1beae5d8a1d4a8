"""Distance layers (L6): PairwiseDistance and CosineSimilarity."""

from __future__ import annotations

from typing import ClassVar

from pyrite._C import Tensor

from . import functional as F
from .module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class PairwiseDistance(Module):
    """`||x1 - x2 + eps||_p` of paired vectors: `(N, D), (N, D) -> (N)`.

    Args:
        p: order of the norm.
        eps: added to every difference, so that the gradient is finite at zero.
        keepdim: give `(N, 1)`.
    """

    __constants__: ClassVar[list[str]] = ["norm", "eps", "keepdim"]

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """Cosine of the angle between vectors along `dim`, which is reduced.

    Args:
        dim: the dimension of the vectors.
        eps: smallest product of the norms to divide by.
    """

    __constants__: ClassVar[list[str]] = ["dim", "eps"]

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
