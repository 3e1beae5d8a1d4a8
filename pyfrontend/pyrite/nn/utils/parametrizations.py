"""Ready-made parametrizations.

Layer: Python front end, on `parametrize`: weight normalization (checkpoints of the older
`nn.utils.weight_norm` load too), spectral normalization, orthogonal matrices.
"""

from __future__ import annotations

from typing import Any

import pyrite
from pyrite._C import Tensor
from pyrite.nn import functional as F
from pyrite.nn.module import Module
from pyrite.nn.utils import parametrize
from pyrite.nn.utils._orthogonal import _Orthogonal, choose_map
from pyrite.nn.utils.spectral_norm import as_matrix, output_dim
from pyrite.nn.utils.weight_norm import compose_weight, norm_except_dim

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    """A weight as length `original0` times direction `original1`."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """Compose the weight."""
        return compose_weight(weight_g, weight_v, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Split a weight; its direction keeps the weight's length."""
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Compute a parameter of `module` from length and direction; returns the module.

    Source: Salimans and Kingma 2016, Weight normalization.

    Args:
        module: the module.
        name: of the parameter.
        dim: the dim with a length for each index, None for one length over all.

    Raises:
        ValueError: there is no such parameter.
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def read_older(state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
        older = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in older):
            for i, key in enumerate(older):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(read_older)
    return module


class _SpectralNorm(Module):
    """A weight divided by its largest singular value, whose vectors it follows.

    Args:
        weight: what to normalize.
        n_power_iterations: how many a computation in training mode.
        dim: the dim that counts outputs.
        eps: least length of a vector.
    """

    _u: Tensor
    _v: Tensor

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        rank = weight.ndim
        if not -rank <= dim < rank:
            raise IndexError(
                "Dimension out of range (expected to be in range of "
                f"[-{rank}, {rank - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim, self.eps, self.n_power_iterations = dim % rank, eps, n_power_iterations
        if rank > 1:
            matrix = as_matrix(weight, self.dim)
            for name, size in zip(("_u", "_v"), matrix.size(), strict=True):
                vector = matrix.new_empty(size).normal_(0, 1)
                self.register_buffer(name, F.normalize(vector, dim=0, eps=eps))
            self._iterate(matrix, 15)

    @pyrite.no_grad()
    def _iterate(self, matrix: Tensor, count: int) -> None:
        for _ in range(count):
            self._u.copy_(F.normalize(pyrite.mv(matrix, self._v), dim=0, eps=self.eps))
            self._v.copy_(F.normalize(pyrite.mv(matrix.mH, self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        """The normalized weight."""
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        # Copies, since the next computation writes to the buffers.
        u, v = self._u.clone(), self._v.clone()
        return weight / pyrite.vdot(u, pyrite.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself: it may have been normalized already."""
        return value


def _parameter(module: Any, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


def spectral_norm(
    module: Any,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Any:
    """Divide a parameter of `module` by its largest singular value; returns the module.

    Source: Miyato et al. 2018, Spectral normalization for generative adversarial networks.

    Args:
        module: the module.
        name: of the parameter.
        n_power_iterations: how many a computation in training mode.
        eps: least length of a vector.
        dim: the dim that counts outputs: 0, for transposed convolutions 1.

    Raises:
        ValueError: there is no such parameter, or no iterations.
        IndexError: there is no such dim.
    """
    weight = _parameter(module, name)
    chosen = output_dim(module) if dim is None else dim
    normalized = _SpectralNorm(weight, n_power_iterations, chosen, eps)
    parametrize.register_parametrization(module, name, normalized)
    return module


def orthogonal(
    module: Any,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Any:
    """Keep a matrix of `module`, or each of a batch, orthogonal; returns the module.

    Source: Lezcano-Casado 2019, Trivializations for gradient-based optimization on manifolds.

    Args:
        module: the module.
        name: of the parameter; more rows than columns gives orthonormal columns, else rows.
        orthogonal_map: "matrix_exp", "cayley" or "householder"; by default the first for square or
            complex matrices, else the last.
        use_trivialization: start from the present value, made orthogonal.

    Raises:
        ValueError: there is no such parameter or map, or the parameter is no matrix.
    """
    weight = _parameter(module, name)
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    chosen = choose_map(orthogonal_map, weight)
    parametrization = _Orthogonal(weight, chosen, use_trivialization=use_trivialization)
    parametrize.register_parametrization(module, name, parametrization, unsafe=True)
    return module
