"""What code that runs in a worker process can ask about it.

Python layer. Set once by `worker` when the process starts; None everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["WorkerInfo", "get_worker_info", "set_worker_info"]


@dataclass(frozen=True)
class WorkerInfo:
    """What `get_worker_info()` tells inside a worker process.

    Attributes:
        id: number of this worker, 0 <= id < num_workers.
        num_workers: workers of the DataLoader.
        seed: seed of this worker's default generator.
        dataset: this process's copy of the dataset.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Information about the worker process this code runs in; None in the main process."""
    return _worker_info


def set_worker_info(info: WorkerInfo) -> None:
    """Declare this process a worker."""
    global _worker_info
    _worker_info = info
