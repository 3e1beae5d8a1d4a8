"""The opt_einsum package: not used, contraction order is left to right."""

from __future__ import annotations


def is_available() -> bool:
    """Whether this build uses it: False."""
    return False


enabled: bool = False
strategy: str | None = None
