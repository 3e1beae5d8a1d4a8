"""Pooling as functions (L6 over `_C`): maximum, average, power mean, adaptive, fractional, unpool.

Inputs are `(N, C, *spatial)` or `(C, *spatial)`; sizes are one number or one per spatial
dimension, and a stride of None means the kernel size. With `return_indices=True` the maximum
pools also return the flat position of each maximum, int64, shaped as the output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from pyrite import _C
from pyrite._C import Tensor, adaptive_avg_pool1d, avg_pool1d, avg_pool2d, avg_pool3d
from pyrite.overrides import overridable

from ..sizes import (
    FloatOrTuple,
    IntOrTuple,
    OptionalIntOrTuple,
    ntuple,
    pair,
    single,
    triple,
    with_default,
)

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]

ValuesAndIndices: TypeAlias = tuple[Tensor, Tensor]
# A tensor, as nearly every caller takes it for, or with `return_indices` a pair.
Pooled: TypeAlias = Tensor | Any


def _stride(stride: IntOrTuple | None) -> IntOrTuple | list[int]:
    """Return the stride, with None spelled as the native operators' empty list."""
    return [] if stride is None else stride


@overridable
def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> ValuesAndIndices:
    """Maxima of sliding windows of `(N, C, L)` and their positions."""
    return _C.max_pool1d_with_indices(
        input, kernel_size, _stride(stride), padding, dilation, ceil_mode
    )


@overridable
def max_pool1d(
    input: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """Maxima of sliding windows of `(N, C, L)`."""
    function = _C.max_pool1d_with_indices if return_indices else _C.max_pool1d
    return function(input, kernel_size, _stride(stride), padding, dilation, ceil_mode)


@overridable
def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> ValuesAndIndices:
    """Maxima of sliding windows of `(N, C, H, W)` and their positions."""
    return _C.max_pool2d_with_indices(
        input, kernel_size, _stride(stride), padding, dilation, ceil_mode
    )


@overridable
def max_pool2d(
    input: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """Maxima of sliding windows of `(N, C, H, W)`."""
    function = _C.max_pool2d_with_indices if return_indices else _C.max_pool2d
    return function(input, kernel_size, _stride(stride), padding, dilation, ceil_mode)


@overridable
def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> ValuesAndIndices:
    """Maxima of sliding windows of `(N, C, D, H, W)` and their positions."""
    return _C.max_pool3d_with_indices(
        input, kernel_size, _stride(stride), padding, dilation, ceil_mode
    )


@overridable
def max_pool3d(
    input: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """Maxima of sliding windows of `(N, C, D, H, W)`."""
    function = _C.max_pool3d_with_indices if return_indices else _C.max_pool3d
    return function(input, kernel_size, _stride(stride), padding, dilation, ceil_mode)


@overridable
def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: IntOrTuple, return_indices: bool = False
) -> ValuesAndIndices:
    """Maxima of `output_size` windows that cover `(N, C, L)`, and their positions."""
    return _C.adaptive_max_pool1d(input, output_size)


@overridable
def adaptive_max_pool1d(
    input: Tensor, output_size: IntOrTuple, return_indices: bool = False
) -> Pooled:
    """Maxima of `output_size` windows that cover `(N, C, L)`."""
    found = _C.adaptive_max_pool1d(input, output_size)
    return found if return_indices else found[0]


@overridable
def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: OptionalIntOrTuple, return_indices: bool = False
) -> ValuesAndIndices:
    """Maxima of a grid of windows that cover `(N, C, H, W)`, and their positions."""
    return _C.adaptive_max_pool2d(input, with_default(output_size, input.size()))


@overridable
def adaptive_max_pool2d(
    input: Tensor, output_size: OptionalIntOrTuple, return_indices: bool = False
) -> Pooled:
    """Maxima of a grid of windows that cover `(N, C, H, W)`; None keeps a dimension."""
    found = adaptive_max_pool2d_with_indices(input, output_size)
    return found if return_indices else found[0]


@overridable
def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: OptionalIntOrTuple, return_indices: bool = False
) -> ValuesAndIndices:
    """Maxima of a grid of windows that cover `(N, C, D, H, W)`, and their positions."""
    return _C.adaptive_max_pool3d(input, with_default(output_size, input.size()))


@overridable
def adaptive_max_pool3d(
    input: Tensor, output_size: OptionalIntOrTuple, return_indices: bool = False
) -> Pooled:
    """Maxima of a grid of windows that cover `(N, C, D, H, W)`; None keeps a dimension."""
    found = adaptive_max_pool3d_with_indices(input, output_size)
    return found if return_indices else found[0]


@overridable
def adaptive_avg_pool2d(input: Tensor, output_size: OptionalIntOrTuple) -> Tensor:
    """Means of a grid of windows that cover `(N, C, H, W)`; None keeps a dimension."""
    return _C.adaptive_avg_pool2d(input, with_default(output_size, input.size()))


@overridable
def adaptive_avg_pool3d(input: Tensor, output_size: OptionalIntOrTuple) -> Tensor:
    """Means of a grid of windows that cover `(N, C, D, H, W)`; None keeps a dimension."""
    return _C.adaptive_avg_pool3d(input, with_default(output_size, input.size()))


_POOLS: dict[int, tuple[Callable[..., Tensor], Callable[..., Pooled]]] = {
    1: (avg_pool1d, max_pool1d),
    2: (avg_pool2d, max_pool2d),
    3: (avg_pool3d, max_pool3d),
}


def _lp_pool(
    input: Tensor,
    norm_type: float,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None,
    ceil_mode: bool,
    rank: int,
) -> Tensor:
    """Power sum of each window, `(sum x^p)^(1/p)`, from the pools of this rank."""
    average, maximum = _POOLS[rank]
    if norm_type == math.inf:
        return maximum(input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    if norm_type == -math.inf:
        return -maximum(-input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    mean = average(input.pow(norm_type), kernel_size, _stride(stride), 0, ceil_mode)
    window = math.prod(ntuple(rank)(kernel_size))
    return (mean.sign() * mean.abs().relu()).mul(window).pow(1.0 / norm_type)


@overridable
def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: int,
    stride: IntOrTuple | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Power sums of sliding windows of `(N, C, L)`; infinity gives the maximum of |x|."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, 1)


@overridable
def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Power sums of sliding windows of `(N, C, H, W)`; infinity gives the maximum of |x|."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, 2)


@overridable
def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Power sums of sliding windows of `(N, C, D, H, W)`; infinity gives the maximum of |x|."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, 3)


def _unpool_size(
    input: Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    output_size: Sequence[int] | None,
) -> Sequence[int]:
    """Spatial size a pool with these settings had as input, or `output_size` once checked."""
    rank = len(kernel_size)
    extents = input.size()[-rank:]
    default = [
        (extent - 1) * step + kernel - 2 * pad
        for extent, step, kernel, pad in zip(extents, stride, kernel_size, padding, strict=True)
    ]
    size: Sequence[int]
    if output_size is None:
        size = default
    else:
        size = output_size[2:] if len(output_size) == rank + 2 else output_size
        if len(size) != rank:
            raise ValueError(
                f"output_size should be a sequence containing {rank} or {rank + 2} elements, "
                f"but it has a length of '{len(size)}'"
            )
        for dim, (given, usual, step) in enumerate(zip(size, default, stride, strict=True)):
            if not usual - step < given < usual + step:
                raise ValueError(
                    f'invalid output_size "{size}" '
                    f"(dim {dim} must be between {usual - step} and {usual + step})"
                )
    for dim, extent in enumerate(size):
        if extent < 0:
            raise ValueError(
                "max_unpooling: output_size must contain non-negative spatial dimensions, "
                f"but got output_size[{dim}]={extent}"
            )
    return size


@overridable
def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put maxima back at their positions, zero elsewhere, `(N, C, l) -> (N, C, L)`."""
    kernel = single(kernel_size)
    step = kernel if stride is None else single(stride)
    size = _unpool_size(input, kernel, step, single(padding), output_size)
    unpooled = _C.max_unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), [*size, 1])
    return unpooled.squeeze(-1)


@overridable
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put maxima back at their positions, zero elsewhere, `(N, C, h, w) -> (N, C, H, W)`."""
    kernel = pair(kernel_size)
    step = kernel if stride is None else pair(stride)
    size = _unpool_size(input, kernel, step, pair(padding), output_size)
    return _C.max_unpool2d(input, indices, size)


@overridable
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put maxima back at their positions, zero elsewhere, in three spatial dimensions."""
    kernel = triple(kernel_size)
    step = kernel if stride is None else triple(stride)
    size = _unpool_size(input, kernel, step, triple(padding), output_size)
    return _C.max_unpool3d(input, indices, size, step, triple(padding))


def _fractional_size(
    input: Tensor, output_size: IntOrTuple | None, output_ratio: FloatOrTuple | None, rank: int
) -> IntOrTuple | list[int]:
    """Output size given as such or as a ratio of the input's spatial size."""
    if output_size is not None:
        return output_size
    if output_ratio is None:
        raise ValueError(
            f"fractional_max_pool{rank}d requires specifying either an output_size "
            "or an output_ratio"
        )
    ratios = ntuple(rank)(output_ratio)
    if len(ratios) > rank:
        raise ValueError(
            f"fractional_max_pool{rank}d requires output_ratio to either be "
            "a single Int or tuple of Ints."
        )
    extents = input.size()[-rank:]
    return [int(extent * ratio) for extent, ratio in zip(extents, ratios, strict=True)]


def _fractional_samples(input: Tensor, rank: int) -> Tensor:
    """Uniform draws that place the windows, `(N, C, rank)`."""
    batch = 1 if input.dim() == rank + 1 else input.size(0)
    return _C.rand(batch, input.size(-rank - 1), rank, dtype=input.dtype, device=input.device)


@overridable
def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: IntOrTuple,
    output_size: IntOrTuple | None = None,
    output_ratio: FloatOrTuple | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> ValuesAndIndices:
    """Maxima of randomly spaced windows of `(N, C, H, W)` and their positions (Graham, 2014)."""
    size = _fractional_size(input, output_size, output_ratio, 2)
    samples = _fractional_samples(input, 2) if _random_samples is None else _random_samples
    return _C.fractional_max_pool2d(input, kernel_size, size, samples)


@overridable
def fractional_max_pool2d(
    input: Tensor,
    kernel_size: IntOrTuple,
    output_size: IntOrTuple | None = None,
    output_ratio: FloatOrTuple | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Pooled:
    """Maxima of randomly spaced windows of `(N, C, H, W)` (Graham, 2014)."""
    found = fractional_max_pool2d_with_indices(
        input, kernel_size, output_size, output_ratio, _random_samples=_random_samples
    )
    return found if return_indices else found[0]


@overridable
def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: IntOrTuple,
    output_size: IntOrTuple | None = None,
    output_ratio: FloatOrTuple | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> ValuesAndIndices:
    """Maxima of randomly spaced windows of `(N, C, D, H, W)` and their positions."""
    size = _fractional_size(input, output_size, output_ratio, 3)
    samples = _fractional_samples(input, 3) if _random_samples is None else _random_samples
    return _C.fractional_max_pool3d(input, kernel_size, size, samples)


@overridable
def fractional_max_pool3d(
    input: Tensor,
    kernel_size: IntOrTuple,
    output_size: IntOrTuple | None = None,
    output_ratio: FloatOrTuple | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Pooled:
    """Maxima of randomly spaced windows of `(N, C, D, H, W)`."""
    found = fractional_max_pool3d_with_indices(
        input, kernel_size, output_size, output_ratio, _random_samples=_random_samples
    )
    return found if return_indices else found[0]
