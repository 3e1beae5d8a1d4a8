"""What the name `cuda` stands for in this process: the GPUs, or places on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyrite import _C

if TYPE_CHECKING or not _C._cuda_on_cpu():
    from pyrite import gpu
else:
    from pyrite.cuda import on_cpu as gpu

__all__ = ["gpu"]
