"""Apple's Metal backend: not built."""

from __future__ import annotations


def is_available() -> bool:
    """Whether a Metal device can be used: False."""
    return False


def is_built() -> bool:
    """Whether this build has the backend: False."""
    return False


def is_macos13_or_newer() -> bool:
    """Whether Metal of macOS 13 or later can be used: False."""
    return False


def is_macos_or_newer(major: int, minor: int) -> bool:
    """Whether Metal of that macOS release or later can be used: False."""
    return False
