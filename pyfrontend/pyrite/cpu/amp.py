"""The older spellings of `pyrite.amp` for the CPU; each warns as PyTorch's does."""

from __future__ import annotations

from typing import Any

from pyrite import _C, amp
from pyrite.amp.older import warn

__all__ = ["GradScaler", "autocast"]


class autocast(amp.autocast):
    """`pyrite.amp.autocast("cpu", ...)`."""

    def __init__(
        self, enabled: bool = True, dtype: Any = _C.bfloat16, cache_enabled: bool = True
    ) -> None:
        warn("cpu", "autocast", "autocast('cpu', args...)")
        super().__init__("cpu", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(amp.GradScaler):
    """`pyrite.amp.GradScaler("cpu", ...)`."""

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        warn("cpu", "GradScaler", "GradScaler('cpu', args...)")
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
