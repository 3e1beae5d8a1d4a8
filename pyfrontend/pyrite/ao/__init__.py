"""Architecture optimization, as PyTorch names it: `quantization`."""

from __future__ import annotations

from . import quantization

__all__ = ["quantization"]
