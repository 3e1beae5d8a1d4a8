"""Operations that PyTorch reaches by `torch.ops`: those of the profiler, which graphs call."""

from __future__ import annotations

from pyrite.ops import profiler

__all__ = ["profiler"]
