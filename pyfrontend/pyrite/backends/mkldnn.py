"""oneDNN: not used, Pyrite brings its own kernels."""

from __future__ import annotations


def is_available() -> bool:
    """Whether this build uses it: False."""
    return False


enabled: bool = False
deterministic: bool = False
allow_tf32: bool = False
