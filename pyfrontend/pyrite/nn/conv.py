"""Convolution layers (L6): Conv1d-3d and their transposes over one base.

Subclasses name their function and number of spatial dimensions. Weights are `(out, in / groups,
*kernel)`, transposed ones `(in, out / groups, *kernel)`; weight and bias start from
`U(-1 / sqrt(fan_in), 1 / sqrt(fan_in))`, drawn weight first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from pyrite import _C
from pyrite._C import Tensor

from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter
from .sizes import IntOrTuple, ntuple, reverse_repeat

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]

_PADDING_STRINGS = ("same", "valid")
_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """Settings and parameters shared by all convolutions.

    Raises:
        ValueError: if groups do not divide the channels, or a padding is unknown.
    """

    __constants__: ClassVar[list[str]] = [
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    ]
    _rank: ClassVar[int]
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...] | str,
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_channels(in_channels, out_channels, groups)
        _check_padding(padding, stride, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = _pad_widths(padding, kernel_size, dilation)
        inner, outer = (out_channels, in_channels) if transposed else (in_channels, out_channels)
        shape = (outer, inner // groups, *kernel_size)
        self.weight = Parameter(_C.empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(_C.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight, then bias, both within `1 / sqrt(fan_in)`."""
        weight = self.weight.detach()
        if weight.is_contiguous():
            init.kaiming_uniform_(weight, a=math.sqrt(5))
        else:  # a fill walks memory: draw as if contiguous, so that a seed gives one layer
            drawn = _C.empty_like(weight, memory_format=_C.contiguous_format)
            weight.copy_(init.kaiming_uniform_(drawn, a=math.sqrt(5)))
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}",
            f"kernel_size={self.kernel_size}, stride={self.stride}",
        ]
        if self.padding != (0,) * len(self.padding):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * len(self.dilation):
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * len(self.output_padding):
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


def _check_channels(in_channels: int, out_channels: int, groups: int) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups != 0:
        raise ValueError("in_channels must be divisible by groups")
    if out_channels % groups != 0:
        raise ValueError("out_channels must be divisible by groups")


def _check_padding(padding: tuple[int, ...] | str, stride: Sequence[int], mode: str) -> None:
    if isinstance(padding, str):
        if padding not in _PADDING_STRINGS:
            raise ValueError(
                f"Invalid padding string {padding!r}, should be one of {_braced(_PADDING_STRINGS)}"
            )
        if padding == "same" and any(step != 1 for step in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if mode not in _PADDING_MODES:
        raise ValueError(
            f"padding_mode must be one of {_braced(_PADDING_MODES)}, but got padding_mode='{mode}'"
        )


def _braced(names: Sequence[str]) -> str:
    return "{" + ", ".join(map(repr, names)) + "}"


def _pad_widths(
    padding: tuple[int, ...] | str, kernel_size: Sequence[int], dilation: Sequence[int]
) -> list[int]:
    """Widths for F.pad, last dimension first, that act as `padding` in the modes but zeros."""
    if not isinstance(padding, str):
        return reverse_repeat(padding, 2)
    widths = []
    for kernel, step in zip(reversed(kernel_size), reversed(dilation), strict=False):
        total = step * (kernel - 1) if padding == "same" else 0
        widths += [total // 2, total - total // 2]
    return widths


class _ForwardConvNd(_ConvNd):
    """A convolution proper; `_function` is its function of nn.functional."""

    _function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple | str = 0,
        dilation: IntOrTuple = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        expand = ntuple(self._rank)
        super().__init__(
            in_channels,
            out_channels,
            expand(kernel_size),
            expand(stride),
            padding if isinstance(padding, str) else expand(padding),
            expand(dilation),
            False,
            expand(0),
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = (0,) * self._rank
        convolve = type(self)._function
        return convolve(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_ForwardConvNd):
    """Convolve a sequence: `(N, C_in, L) -> (N, C_out, L_out)`, or without N.

    `L_out = floor((L + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1`.

    Example:
        >>> nn.Conv1d(4, 8, kernel_size=3, padding=1)(pyrite.ones(2, 4, 10)).shape
        pyrite.Size([2, 8, 10])
    """

    _rank = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_ForwardConvNd):
    """Convolve an image: `(N, C_in, H, W) -> (N, C_out, H_out, W_out)`, or without N.

    Example:
        >>> layer = nn.Conv2d(3, 8, kernel_size=3, stride=2, padding=1)
        >>> layer(pyrite.ones(1, 3, 32, 32)).shape
        pyrite.Size([1, 8, 16, 16])
    """

    _rank = 2
    _function = staticmethod(F.conv2d)


class Conv3d(_ForwardConvNd):
    """Convolve a volume: `(N, C_in, D, H, W) -> (N, C_out, D_out, H_out, W_out)`."""

    _rank = 3
    _function = staticmethod(F.conv3d)


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution, the gradient of a convolution with respect to its input."""

    _function: ClassVar[Callable[..., Tensor]]
    padding: tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        output_padding: IntOrTuple = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrTuple = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        expand = ntuple(self._rank)
        super().__init__(
            in_channels,
            out_channels,
            expand(kernel_size),
            expand(stride),
            expand(padding),
            expand(dilation),
            True,
            expand(output_padding),
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )

    def _output_padding(self, input: Tensor, output_size: Sequence[int] | None) -> Sequence[int]:
        """Padding that gives `output_size`, of which a stride allows `stride` values."""
        if output_size is None:
            return self.output_padding
        rank = self._rank
        lead = 2 if input.dim() == rank + 2 else 1
        size = output_size[lead:] if len(output_size) == lead + rank else output_size
        if len(size) != rank:
            raise ValueError(
                f"ConvTranspose{rank}D: for {input.dim()}D input, output_size must have {rank} "
                f"or {lead + rank} elements (got {len(size)})"
            )
        extents = input.size()[lead:]
        smallest = [
            (extents[dim] - 1) * self.stride[dim]
            - 2 * self.padding[dim]
            + self.dilation[dim] * (self.kernel_size[dim] - 1)
            + 1
            for dim in range(rank)
        ]
        largest = [low + step - 1 for low, step in zip(smallest, self.stride, strict=True)]
        for wanted, low, high in zip(size, smallest, largest, strict=True):
            if not low <= wanted <= high:
                raise ValueError(
                    f"requested an output size of {size}, but valid sizes range from {smallest} "
                    f"to {largest} (for an input of {input.size()[2:]})"
                )
        return [wanted - low for wanted, low in zip(size, smallest, strict=True)]

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        output_padding = self._output_padding(input, output_size)
        return type(self)._function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            output_padding,
            self.groups,
            self.dilation,
        )


class ConvTranspose1d(_ConvTransposeNd):
    """Transposed convolution of a sequence: `(N, C_in, L) -> (N, C_out, L_out)`.

    `L_out = (L - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1`.
    """

    _rank = 1
    _function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """Transposed convolution of an image: `(N, C_in, H, W) -> (N, C_out, H_out, W_out)`.

    Example:
        >>> layer = nn.ConvTranspose2d(8, 3, kernel_size=2, stride=2)
        >>> layer(pyrite.ones(1, 8, 16, 16)).shape
        pyrite.Size([1, 3, 32, 32])
    """

    _rank = 2
    _function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """Transposed convolution of a volume: `(N, C_in, D, H, W) -> (N, C_out, D', H', W')`."""

    _rank = 3
    _function = staticmethod(F.conv_transpose3d)
