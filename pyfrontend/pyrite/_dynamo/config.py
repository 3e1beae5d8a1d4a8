"""Settings of PyTorch's capture of programs. Nothing is captured: they are inert.

Programs set many more of them; any name can be set.
"""

from __future__ import annotations

__all__ = ["cache_size_limit", "suppress_errors", "verbose"]

cache_size_limit = 8
suppress_errors = False
verbose = False
