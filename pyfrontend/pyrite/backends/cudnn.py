"""NVIDIA's cuDNN: not used. Its settings are inert (see the package's docstring)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

enabled: bool = False
benchmark: bool = False
benchmark_limit: int | None = None
deterministic: bool = False
allow_tf32: bool = False


def is_available() -> bool:
    """Whether this build uses cuDNN: False."""
    return False


def version() -> int | None:
    """Version of cuDNN: None."""
    return None


@contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
) -> Iterator[None]:
    """Sets the settings for the length of a `with` block."""
    module = sys.modules[__name__]
    wanted = {
        "enabled": enabled,
        "benchmark": benchmark,
        "benchmark_limit": benchmark_limit,
        "deterministic": deterministic,
        "allow_tf32": allow_tf32,
    }
    before = {name: getattr(module, name) for name in wanted}
    vars(module).update(wanted)
    try:
        yield
    finally:
        vars(module).update(before)
