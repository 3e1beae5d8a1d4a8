"""`pyrite.signal`: window functions."""

from __future__ import annotations

from pyrite.signal import windows

__all__ = ["windows"]
