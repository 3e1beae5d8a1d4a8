"""Reductions and normalizations of the elements that a mask names (`torch.masked`).

`mask` is a bool tensor that broadcasts to the input, true where an element takes part. Elements
that do not are replaced by the identity of the operation, so that a slice without any gives that:
0 for a sum, 1 for a product, the lowest number for a maximum, NaN for a median.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite.type_info import iinfo

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]

_Dims = int | tuple[int, ...] | list[int] | None


def _filled(input: Tensor, mask: Tensor | None, value: Any) -> Tensor:
    if mask is None:
        return input
    return _C.where(mask, input, _C.tensor(value, dtype=input.dtype, device=input.device))


def _dims(input: Tensor, dim: _Dims) -> list[int]:
    rank = input.dim()
    if dim is None:
        return list(range(rank))
    found: list[int] = []
    for d in (dim,) if isinstance(dim, int) else dim:
        if not -max(rank, 1) <= d < max(rank, 1):
            raise IndexError(
                "Dimension out of range (expected to be in range of "
                f"[{-max(rank, 1)}, {max(rank, 1) - 1}], but got {d})"
            )
        if d % max(rank, 1) in found:
            raise RuntimeError(f"dim={d} appears multiple times in the list of dims")
        found.append(d % max(rank, 1))
    return sorted(found)


def _is_number(input: Tensor) -> bool:
    return input.is_floating_point() or input.is_complex()


def _whole(input: Tensor, dtype: Any) -> Any:
    """The dtype of a sum or product."""
    if dtype is not None:
        return dtype
    return input.dtype if _is_number(input) else _C.int64


def _real(input: Tensor, dtype: Any) -> Any:
    """The dtype of a mean."""
    if dtype is not None:
        return dtype
    return input.dtype if _is_number(input) else _C.float32


def _range(input: Tensor) -> tuple[Any, Any]:
    if _is_number(input):
        return -float("inf"), float("inf")
    info = iinfo(input.dtype)
    return info.min, info.max


def sum(
    input: Tensor,
    dim: _Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The sum over dimensions."""
    dims, dtype = _dims(input, dim), _whole(input, dtype)
    return _C.sum(_filled(input, mask, 0), dims, bool(keepdim), dtype=dtype)


def prod(
    input: Tensor,
    dim: _Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The product over dimensions."""
    result = _filled(input, mask, 1).to(_whole(input, dtype))
    for d in reversed(_dims(input, dim)):
        result = _C.prod(result, d, bool(keepdim))
    return result


def cumsum(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The running sum along a dimension."""
    dtype = dtype or input.dtype
    return _C.cumsum(_filled(input, mask, 0), _dims(input, dim)[0], dtype=dtype)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The running product along a dimension."""
    dtype = dtype or input.dtype
    return _C.cumprod(_filled(input, mask, 1), _dims(input, dim)[0], dtype=dtype)


def amax(
    input: Tensor,
    dim: _Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The largest element over dimensions."""
    found = _C.amax(_filled(input, mask, _range(input)[0]), _dims(input, dim), bool(keepdim))
    return found.to(dtype or input.dtype)


def amin(
    input: Tensor,
    dim: _Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The smallest element over dimensions."""
    found = _C.amin(_filled(input, mask, _range(input)[1]), _dims(input, dim), bool(keepdim))
    return found.to(dtype or input.dtype)


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The position of the largest element."""
    found = _filled(input, mask, _range(input)[0])
    return _C.argmax(found, dim, bool(keepdim)).to(dtype or input.dtype)


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The position of the smallest element."""
    found = _filled(input, mask, _range(input)[1])
    return _C.argmin(found, dim, bool(keepdim)).to(dtype or input.dtype)


def logsumexp(
    input: Tensor,
    dim: _Dims = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The logarithm of the sum of exponentials over dimensions."""
    dtype = dtype or input.dtype
    found = _filled(input, mask, _range(input)[0])
    return _C.logsumexp(found, _dims(input, dim), keepdim).to(dtype)


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: Any = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """`log(exp(input) + exp(other))`, each with its own mask."""
    pair = (
        _filled(input, input_mask, _range(input)[0]),
        _filled(other, other_mask, _range(other)[0]),
    )
    return _C.logaddexp(*pair).to(dtype or input.dtype)


def mean(
    input: Tensor,
    dim: _Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The mean over dimensions."""
    dtype = _real(input, dtype)
    if mask is None:
        return _C.mean(input, _dims(input, dim), bool(keepdim), dtype=dtype)
    total = sum(input, dim, keepdim=keepdim, dtype=dtype, mask=mask)
    return (total / _count(input, dim, bool(keepdim), mask)).to(dtype)


def _count(input: Tensor, dim: _Dims, keepdim: bool, mask: Tensor | None) -> Tensor:
    ones = _C.ones(input.shape, dtype=_C.int64, device=input.device)
    return sum(ones, dim, keepdim=keepdim, mask=mask)


def median(
    input: Tensor,
    dim: int = -1,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The lower median along a dimension."""
    if not input.is_floating_point():
        raise ValueError(f"input must be a floating-point tensor, got {input.dtype}")
    dtype = dtype or input.dtype
    if mask is None:
        found, _ = _C.median(input, dim, keepdim)
    else:
        found, _ = _C.nanmedian(_filled(input, mask, float("nan")), dim, keepdim)
    return found.to(dtype)


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: _Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The norm of vectors over dimensions."""
    order = 2.0 if ord is None else float(ord)
    found = _filled(input, mask, float("inf") if order == -float("inf") else 0)
    return _C.linalg_vector_norm(found, order, _dims(input, dim), bool(keepdim), dtype=dtype)


def normalize(
    input: Tensor,
    ord: float,
    dim: int,
    *,
    eps: float = 1e-12,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Vectors along a dimension divided by their norms, which count as `eps` at least."""
    size = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    least = _C.maximum(size, size.new_full([], eps))
    return _filled(input, mask, 0) / least


def _spread(
    input: Tensor, dim: _Dims, correction: float, keepdim: bool, dtype: Any, mask: Tensor | None
) -> Tensor:
    dtype = _real(input, dtype)
    count = _count(input, dim, True, mask)
    centre = sum(input, dim, keepdim=True, dtype=dtype, mask=mask) / count
    away = input - centre
    total = sum(away * away.conj(), dim, keepdim=keepdim, dtype=dtype, mask=mask)
    count = count.reshape(total.shape)
    if correction != 0:
        count = count.to(_C.real(total).dtype) - correction
        count = _C.maximum(count, count.new_zeros([]))
    return (total / count).to(dtype)


def _correction(unbiased: bool | None, correction: float | None) -> float:
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    if correction is not None:
        return correction
    return 1 if unbiased is None or unbiased else 0


def var(
    input: Tensor,
    dim: _Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance over dimensions."""
    return _spread(input, dim, _correction(unbiased, correction), bool(keepdim), dtype, mask)


def std(
    input: Tensor,
    dim: _Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The standard deviation over dimensions."""
    by = _correction(unbiased, correction)
    return _C.sqrt(_spread(input, dim, by, bool(keepdim), dtype, mask))


def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """Exponentials along a dimension, divided by their sum."""
    return _C.softmax(_filled(input, mask, -float("inf")), dim, dtype=dtype or input.dtype)


def log_softmax(
    input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The logarithm of `softmax`."""
    return _C.log_softmax(_filled(input, mask, -float("inf")), dim, dtype=dtype or input.dtype)


def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """`softmax` of the negative."""
    return _C.softmax(-_filled(input, mask, float("inf")), dim, dtype=dtype or input.dtype)
