"""What the distributions share: broadcasting of parameters, and probabilities against logits."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Number
from typing import Any, Generic, TypeVar, overload

from pyrite import _C

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

_Value = TypeVar("_Value")


def broadcast_all(*values: Any) -> tuple[_C.Tensor, ...]:
    """Tensors of one shape; numbers take the first tensor's dtype and device, or the defaults.

    Raises:
        ValueError: a value that is neither a tensor nor a number.
    """
    from pyrite import broadcast_tensors

    if not all(isinstance(value, _C.Tensor | Number) for value in values):
        raise ValueError(
            "Input arguments must all be instances of Number, "
            "torch.Tensor or objects implementing __torch_function__."
        )
    options: dict[str, Any] = {"dtype": _C.get_default_dtype()}
    for value in values:
        if isinstance(value, _C.Tensor):
            options = {"dtype": value.dtype, "device": value.device}
            break
    tensors = [
        value if isinstance(value, _C.Tensor) else _C.tensor(value, **options) for value in values
    ]
    return tuple(broadcast_tensors(*tensors))


def clamp_probs(probs: _C.Tensor) -> _C.Tensor:
    """Keeps probabilities the dtype's epsilon away from 0 and 1: logarithms are finite."""
    from pyrite.type_info import finfo

    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: _C.Tensor, is_binary: bool = False) -> _C.Tensor:
    """Log odds of one outcome, or log probabilities of several over the last dim."""
    clamped = clamp_probs(probs)
    return clamped.log() - (-clamped).log1p() if is_binary else clamped.log()


def logits_to_probs(logits: _C.Tensor, is_binary: bool = False) -> _C.Tensor:
    """Inverse of `probs_to_logits`."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def _standard_normal(shape: Any, dtype: Any, device: Any) -> _C.Tensor:
    """Normal draws of mean 0 and deviation 1; distributions outside the package use it."""
    return _C.empty(shape, dtype=dtype, device=device).normal_()


def _sum_rightmost(value: _C.Tensor, dim: int) -> _C.Tensor:
    """The sum over the last `dim` dims; distributions outside the package use it."""
    return value if dim == 0 else value.reshape((*value.shape[:-dim], -1)).sum(-1)


def _tril_mask(size: int, diag: int, device: Any) -> _C.Tensor:
    return _C.ones(size, size, dtype=_C.bool, device=device).tril(diag)


def tril_matrix_to_vec(mat: _C.Tensor, diag: int = 0) -> _C.Tensor:
    """The entries up to diagonal `diag` row by row: (..., D, D) becomes (..., N).

    Raises:
        ValueError: `diag` lies outside the matrix.
    """
    size = mat.shape[-1]
    if not -size <= diag < size:
        raise ValueError(f"diag ({diag}) provided is outside [{-size}, {size - 1}].")
    return mat[..., _tril_mask(size, diag, mat.device)]


def vec_to_tril_matrix(vec: _C.Tensor, diag: int = 0) -> _C.Tensor:
    """The inverse of `tril_matrix_to_vec`, zeros elsewhere: (..., N) becomes (..., D, D).

    Raises:
        ValueError: no matrix has as many entries up to diagonal `diag`.
    """
    count = vec.shape[-1]
    # The positive root of D^2 + (1 + 2 diag) D - |diag| (diag + 1) - 2 N = 0.
    slope = 1 + 2 * diag
    root = (-slope + math.sqrt(slope**2 + 8 * count + 4 * abs(diag) * (diag + 1))) / 2
    size = round(root)
    if abs(size - root) > 1e-9:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as "
            "the lower triangular part of a square D x D matrix."
        )
    matrix = vec.new_zeros((*vec.shape[:-1], size, size))
    matrix[..., _tril_mask(size, diag, vec.device)] = vec
    return matrix


class lazy_property(Generic[_Value]):
    """A property that is computed on first use, with gradients, and then an attribute."""

    def __init__(self, wrapped: Callable[[Any], _Value]) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> lazy_property[_Value]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> _Value: ...

    def __get__(self, instance: object | None, owner: type) -> lazy_property[_Value] | _Value:
        if instance is None:
            return self
        from pyrite.autograd import enable_grad

        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value
