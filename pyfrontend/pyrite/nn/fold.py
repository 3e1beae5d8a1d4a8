"""Sliding-block layers (L6): Unfold copies blocks into columns, Fold adds them back."""

from __future__ import annotations

from typing import ClassVar

from pyrite._C import Tensor

from . import functional as F
from .module import Module
from .sizes import IntOrTuple

__all__ = ["Fold", "Unfold"]


class Fold(Module):
    """Sum sliding blocks into images: `(N, C * kh * kw, blocks) -> (N, C, H, W)`.

    Args:
        output_size: (H, W).
        kernel_size: (kh, kw), or one number for both; so for the others.
        dilation: distance of the elements of a block.
        padding: zeros around the image.
        stride: distance of the blocks.
    """

    __constants__: ClassVar[list[str]] = [
        "output_size",
        "kernel_size",
        "dilation",
        "padding",
        "stride",
    ]

    def __init__(
        self,
        output_size: IntOrTuple,
        kernel_size: IntOrTuple,
        dilation: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        stride: IntOrTuple = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """Extract sliding blocks: `(N, C, H, W) -> (N, C * kh * kw, blocks)`.

    Args:
        kernel_size: (kh, kw), or one number for both; so for the others.
        dilation: distance of the elements of a block.
        padding: zeros around the image.
        stride: distance of the blocks.
    """

    __constants__: ClassVar[list[str]] = ["kernel_size", "dilation", "padding", "stride"]

    def __init__(
        self,
        kernel_size: IntOrTuple,
        dilation: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        stride: IntOrTuple = 1,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
