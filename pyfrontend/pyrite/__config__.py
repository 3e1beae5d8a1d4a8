"""How this build came about: what `torch.__config__` tells."""

from __future__ import annotations

import platform

from pyrite import _C
from pyrite.version import __version__

__all__ = ["parallel_info", "show"]


def show() -> str:
    """A readable description of the build."""
    return (
        f"Pyrite {__version__}, built with Rust\n"
        f"  - CPU capability usage: {_C._get_cpu_capability()}\n"
        f"  - Platform: {platform.system()} {platform.machine()}\n"
    )


def parallel_info() -> str:
    """How work is spread over threads."""
    return f"Pyrite's own thread pool\n  get_num_threads() : {_C.get_num_threads()}\n"
