"""OpenMP: not used, Pyrite has its own thread pool."""

from __future__ import annotations


def is_available() -> bool:
    """Whether this build uses it: False."""
    return False
