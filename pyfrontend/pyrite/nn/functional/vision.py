"""Padding, resampling and rearranging of grids as functions (L6 over `_C`).

Inputs are `(N, C, *spatial)`. `pad` counts its pairs from the last dimension backwards. Sampling
grids hold coordinates in [-1, 1], last dimension (x, y[, z]).
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from pyrite import _C
from pyrite._C import (
    Tensor,
    channel_shuffle,
    native_channel_shuffle,
    pixel_shuffle,
    pixel_unshuffle,
)
from pyrite.overrides import overridable

from ..sizes import FloatOrTuple, IntOrTuple
from . import pool

__all__ = [
    "GRID_SAMPLE_INTERPOLATION_MODES",
    "GRID_SAMPLE_PADDING_MODES",
    "affine_grid",
    "channel_shuffle",
    "grid_sample",
    "interpolate",
    "native_channel_shuffle",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

GRID_SAMPLE_INTERPOLATION_MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
GRID_SAMPLE_PADDING_MODES = {"zeros": 0, "border": 1, "reflection": 2}

_ALIGN_CORNERS_WARNING = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
    "Please specify align_corners=True if the old behavior is desired. "
    "See the documentation of grid_sample for details."
)

# Native operator of each (mode, rank of the input); those of the second table align corners.
_NEAREST = {
    ("nearest", 3): _C.upsample_nearest1d,
    ("nearest", 4): _C.upsample_nearest2d,
    ("nearest", 5): _C.upsample_nearest3d,
    ("nearest-exact", 3): _C._upsample_nearest_exact1d,
    ("nearest-exact", 4): _C._upsample_nearest_exact2d,
    ("nearest-exact", 5): _C._upsample_nearest_exact3d,
}
_LINEAR = {
    ("linear", 3): _C.upsample_linear1d,
    ("bilinear", 4): _C.upsample_bilinear2d,
    ("bicubic", 4): _C.upsample_bicubic2d,
    ("trilinear", 5): _C.upsample_trilinear3d,
}
_ANTIALIASED = {
    "bilinear": _C._upsample_bilinear2d_aa,
    "bicubic": _C._upsample_bicubic2d_aa,
    "lanczos": _C._upsample_lanczos2d_aa,
}
_AREA: dict[int, Callable[..., Tensor]] = {
    3: pool.adaptive_avg_pool1d,
    4: pool.adaptive_avg_pool2d,
    5: pool.adaptive_avg_pool3d,
}
_RANK_OF_MODE = {"linear": 3, "bilinear": 4, "trilinear": 5}


@overridable
def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Grow (or, with negative numbers, crop) the last dimensions.

    Args:
        input: any shape for mode "constant", else `(N, C, *)` or `(C, *)`.
        pad: (left, right) of the last dimension, then of the one before, ...
        mode: "constant", "reflect", "replicate" or "circular".
        value: the constant, 0 if None.
    """
    return _C.pad(input, pad, mode, value)


def _is_integer(value: Any) -> bool:
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def _explicit_size(input: Tensor, size: IntOrTuple) -> Sequence[int]:
    """One output size per spatial dimension."""
    rank = input.dim() - 2
    if not isinstance(size, list | tuple):
        return [size] * rank
    if len(size) != rank:
        raise ValueError(
            "Input and output must have the same number of spatial dimensions, but got input with "
            f"spatial dimensions of {list(input.shape[2:])} and output size of {size}. "
            "Please provide input tensor in (N, C, d1, d2, ...,dK) format "
            "and output size in (o1, o2, ...,oK) format."
        )
    if not all(_is_integer(extent) for extent in size):
        raise TypeError(
            "expected size to be one of int or Tuple[int] or Tuple[int, int] or "
            f"Tuple[int, int, int], but got size with types {[type(x) for x in size]}"
        )
    return size


def _explicit_scale(input: Tensor, scale_factor: FloatOrTuple) -> Sequence[float]:
    """One scale factor per spatial dimension."""
    rank = input.dim() - 2
    if not isinstance(scale_factor, list | tuple):
        return [scale_factor] * rank
    if len(scale_factor) != rank:
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input "
            f"with spatial dimensions of {list(input.shape[2:])} and scale_factor of shape "
            f"{scale_factor}. Please provide input tensor in (N, C, d1, d2, ...,dK) format "
            "and scale_factor in (s1, s2, ...,sK) format."
        )
    return scale_factor


def _target_size(
    input: Tensor,
    size: IntOrTuple | None,
    scale_factor: FloatOrTuple | None,
    recompute: bool,
) -> tuple[Sequence[int] | None, Sequence[float] | None]:
    """Resolve (size, scale factors) for the native operators; exactly one is not None."""
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return _explicit_size(input, size), None
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    scales = _explicit_scale(input, scale_factor)
    if not recompute:
        return None, scales
    extents = input.shape[2:]
    return [int(extent * scale) for extent, scale in zip(extents, scales, strict=True)], None


@overridable
def interpolate(
    input: Tensor,
    size: IntOrTuple | None = None,
    scale_factor: FloatOrTuple | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resample the spatial dimensions to `size` or by `scale_factor`.

    Args:
        input: `(N, C, *spatial)` with one to three spatial dimensions.
        size: output size, one number or one per dimension.
        scale_factor: ratio of output to input, one number or one per dimension.
        mode: "nearest", "nearest-exact", "area", "linear" (3-D input), "bilinear" and "bicubic"
            (4-D), "trilinear" (5-D), "lanczos" (4-D, with antialias).
        align_corners: the outer pixels' centres coincide; only for the linear modes and bicubic.
        recompute_scale_factor: derive the ratio again from the rounded output size.
        antialias: widen the filter when shrinking.

    Raises:
        ValueError: if the arguments contradict each other.
        NotImplementedError: if the mode does not fit the input's rank.
    """
    unaligned = mode in ("nearest", "area", "nearest-exact")
    if unaligned and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: "
            "linear | bilinear | bicubic | trilinear"
        )
    recompute = bool(recompute_scale_factor) or (mode == "area" and size is None)
    output_size, scales = _target_size(input, size, scale_factor, recompute)
    rank = input.dim()
    if antialias and not (mode in _ANTIALIASED and rank == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes "
            "and requires a 4-D tensor as input"
        )
    if (mode, rank) in _NEAREST:
        return _NEAREST[mode, rank](input, output_size, scales)
    if mode == "area" and rank in _AREA:
        return _AREA[rank](input, output_size)
    if mode == "lanczos" and rank == 4:
        if align_corners:
            raise ValueError("Lanczos mode does not support align_corners=True")
        if not antialias:
            raise ValueError("Lanczos mode requires antialias=True")
    if antialias:
        return _ANTIALIASED[mode](input, output_size, bool(align_corners), scales)
    if (mode, rank) not in _LINEAR:
        raise _rank_error(mode, rank)
    return _LINEAR[mode, rank](input, output_size, bool(align_corners), scales)


def _rank_error(mode: str, rank: int) -> NotImplementedError:
    wanted = _RANK_OF_MODE.get(mode)
    if wanted is not None and rank in (3, 4, 5):
        return NotImplementedError(f"Got {rank}D input, but {mode} mode needs {wanted}D input")
    return NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {rank}D) for the modes: "
        "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact "
        f"(got {mode})"
    )


def _warn_use_interpolate(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=3,
    )


def upsample(
    input: Tensor,
    size: IntOrTuple | None = None,
    scale_factor: FloatOrTuple | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Older name of `interpolate`; warns."""
    _warn_use_interpolate("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor, size: IntOrTuple | None = None, scale_factor: FloatOrTuple | None = None
) -> Tensor:
    """Older name of `interpolate` with mode "nearest"; warns."""
    _warn_use_interpolate("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(
    input: Tensor, size: IntOrTuple | None = None, scale_factor: FloatOrTuple | None = None
) -> Tensor:
    """Older name of `interpolate` with mode "bilinear" and aligned corners; warns."""
    _warn_use_interpolate("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


@overridable
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Read an image at the positions of a grid (Jaderberg et al., 2015).

    Args:
        input: `(N, C, H, W)` or `(N, C, D, H, W)`.
        grid: `(N, h, w, 2)` or `(N, d, h, w, 3)`.
        mode: "bilinear", "nearest" or "bicubic" (4-D only).
        padding_mode: value outside: "zeros", "border" or "reflection".
        align_corners: whether -1 and 1 are the centres of the outer pixels or their edges.

    Returns:
        `(N, C, h, w)` or `(N, C, d, h, w)`.

    Raises:
        ValueError: if a mode is unknown.
    """
    if mode not in GRID_SAMPLE_INTERPOLATION_MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in GRID_SAMPLE_PADDING_MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(_ALIGN_CORNERS_WARNING, stacklevel=2)
    return _C.grid_sampler(
        input,
        grid,
        GRID_SAMPLE_INTERPOLATION_MODES[mode],
        GRID_SAMPLE_PADDING_MODES[padding_mode],
        bool(align_corners),
    )


@overridable
def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Sampling grid of affine maps.

    Args:
        theta: matrices `(N, 2, 3)` for images or `(N, 3, 4)` for volumes.
        size: size of the output image, `(N, C, H, W)` or `(N, C, D, H, W)`.
        align_corners: see `grid_sample`.

    Returns:
        `(N, H, W, 2)` or `(N, D, H, W, 3)`.

    Raises:
        ValueError: if dtype, shape or size do not fit.
        NotImplementedError: if the size is neither 4-D nor 5-D.
    """
    if align_corners is None:
        warnings.warn(_ALIGN_CORNERS_WARNING, stacklevel=2)
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    rank = len(size) - 2
    if rank not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    if theta.dim() != 3 or tuple(theta.shape[1:]) != (rank, rank + 1):
        raise ValueError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} "
            f"for size {size}. Got {theta.shape}."
        )
    if align_corners and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when "
            "align_corners=True. This is not an intended use case of affine_grid. "
            "See the documentation of affine_grid for details.",
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return _C.affine_grid_generator(theta, size, bool(align_corners))
