"""The older spellings of `pyrite.amp` for CUDA; each warns as PyTorch's does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyrite import _C, amp
from pyrite.amp.older import warn

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(amp.autocast):
    """`pyrite.amp.autocast("cuda", ...)`."""

    def __init__(
        self, enabled: bool = True, dtype: Any = _C.float16, cache_enabled: bool = True
    ) -> None:
        warn("cuda", "autocast", "autocast('cuda', args...)")
        super().__init__("cuda", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(amp.GradScaler):
    """`pyrite.amp.GradScaler("cuda", ...)`."""

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        warn("cuda", "GradScaler", "GradScaler('cuda', args...)")
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, cast_inputs: Any = None
) -> Callable[..., Any]:
    """`pyrite.amp.custom_fwd(..., device_type="cuda")`."""
    warn("cuda", "custom_fwd", "custom_fwd(args..., device_type='cuda')")
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable[..., Any]) -> Callable[..., Any]:
    """`pyrite.amp.custom_bwd(..., device_type="cuda")`."""
    warn("cuda", "custom_bwd", "custom_bwd(args..., device_type='cuda')")
    return amp.custom_bwd(bwd, device_type="cuda")
