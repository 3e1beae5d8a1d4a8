"""Resampling layers (L6): Upsample and its two older 2-D forms."""

from __future__ import annotations

from typing import Any, ClassVar

from pyrite._C import Tensor

from . import functional as F
from .module import Module
from .sizes import FloatOrTuple, IntOrTuple

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    """Resample `(N, C, *spatial)` to `size` or by `scale_factor`; see F.interpolate."""

    __constants__: ClassVar[list[str]] = [
        "size",
        "scale_factor",
        "mode",
        "align_corners",
        "name",
        "recompute_scale_factor",
    ]

    def __init__(
        self,
        size: IntOrTuple | None = None,
        scale_factor: FloatOrTuple | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        self.scale_factor: FloatOrTuple | None
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Layers pickled before the flag existed recomputed the ratio.
        state.setdefault("recompute_scale_factor", True)
        super().__setstate__(state)

    def extra_repr(self) -> str:
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor!r}, mode={self.mode!r}"
        return f"size={self.size!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` of `(N, C, H, W)` with mode "nearest"."""

    def __init__(
        self, size: IntOrTuple | None = None, scale_factor: FloatOrTuple | None = None
    ) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of `(N, C, H, W)` with mode "bilinear" and aligned corners."""

    def __init__(
        self, size: IntOrTuple | None = None, scale_factor: FloatOrTuple | None = None
    ) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
