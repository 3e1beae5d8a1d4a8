"""Wrappers that run a module on several devices or in several processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyrite.nn.parallel.data_parallel import DataParallel, data_parallel

if TYPE_CHECKING:
    from pyrite.nn.parallel.distributed import DistributedDataParallel

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel"]

if not TYPE_CHECKING:  # else any name would pass

    def __getattr__(name: str) -> Any:
        """Loads what needs `pyrite.distributed` on first use."""
        if name != "DistributedDataParallel":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from pyrite.nn.parallel.distributed import DistributedDataParallel

        globals()[name] = DistributedDataParallel
        return DistributedDataParallel
