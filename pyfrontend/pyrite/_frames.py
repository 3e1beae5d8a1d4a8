"""The frames of the program that called the package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType

__all__ = ["user_frames"]


def user_frames() -> Iterator[FrameType]:
    """The frames outside the package, innermost first; those of `contextlib` are left out."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ("pyrite", "contextlib"):
            yield frame
        frame = frame.f_back
