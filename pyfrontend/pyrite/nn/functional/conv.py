"""Convolutions and their unrolled forms as functions (L6: names over `_C`).

Layouts: input `(N, C, *spatial)` or `(C, *spatial)`, weight `(out, in / groups, *kernel)`;
transposed weights are `(in, out / groups, *kernel)`. `unfold` copies every sliding block into a
column, `(N, C, *spatial) -> (N, C * prod(kernel), blocks)`; `fold` adds the columns back.
"""

from __future__ import annotations

from pyrite import _C
from pyrite._C import (
    Tensor,
    conv1d,
    conv2d,
    conv3d,
    conv_tbc,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from pyrite.overrides import overridable

from ..sizes import IntOrTuple, pair

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "fold",
    "unfold",
]


@overridable
def unfold(
    input: Tensor,
    kernel_size: IntOrTuple,
    dilation: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    stride: IntOrTuple = 1,
) -> Tensor:
    """Extract sliding blocks, `(N, C, H, W) -> (N, C * kh * kw, blocks)`."""
    return _C.im2col(input, pair(kernel_size), pair(dilation), pair(padding), pair(stride))


@overridable
def fold(
    input: Tensor,
    output_size: IntOrTuple,
    kernel_size: IntOrTuple,
    dilation: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    stride: IntOrTuple = 1,
) -> Tensor:
    """Sum sliding blocks into an image, `(N, C * kh * kw, blocks) -> (N, C, H, W)`."""
    return _C.col2im(
        input, pair(output_size), pair(kernel_size), pair(dilation), pair(padding), pair(stride)
    )
