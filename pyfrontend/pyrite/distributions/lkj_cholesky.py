"""The LKJ distribution of Cholesky factors of correlation matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Factors of `dim` x `dim` correlation matrices, of density det(matrix)^(concentration - 1).

    `concentration` 1 is uniform over correlation matrices. Source: Lewandowski, Kurowicka and Joe,
    "Generating random correlation matrices based on vines and extended onion method", 2009.
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(
        self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        options: Any = {"dtype": self.concentration.dtype, "device": self.concentration.device}
        offset = (_C.arange(dim, **options) - 1).clamp(min=0)
        marginal = self.concentration + 0.5 * (dim - 2)
        self._beta = Beta(offset + 0.5, marginal.unsqueeze(-1) - 0.5 * offset)
        super().__init__(self.concentration.shape, (dim, dim), validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        new: Self = self._expand_parameters(LKJCholesky, batch_shape, _instance, concentration=())
        new.dim = self.dim
        new._beta = self._beta.expand((*batch_shape, self.dim))
        return new

    def sample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws by the onion method: row i is a direction times the root of a Beta draw."""
        from pyrite import finfo

        length = self._beta.sample(sample_shape).sqrt().unsqueeze(-1)
        options: Any = {"dtype": length.dtype, "device": length.device}
        normal = _C.randn(self._extended_shape(sample_shape), **options).tril(-1)
        direction = normal / normal.norm(dim=-1, keepdim=True)
        direction[..., 0, :].fill_(0.0)  # the first row has no entry beside the diagonal: 0 / 0
        rows = length * direction
        rest = (1 - rows.pow(2).sum(-1)).clamp(min=finfo(rows.dtype).tiny).sqrt()
        return rows + rest.diag_embed()

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density of a factor."""
        if self._validate_args:
            self._validate_sample(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        row = _C.arange(2, self.dim + 1, device=self.concentration.device)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - row
        below = self.dim - 1
        alpha = self.concentration + 0.5 * below
        normalizer = (
            0.5 * below * math.log(math.pi) + (alpha - 0.5).mvlgamma(below) - alpha.lgamma() * below
        )
        return (order * diagonal.log()).sum(-1) - normalizer
