"""Messages between a DataLoader's iterator and its workers.

Python layer. The iterator sends `Epoch` once a pass and then `Task`s; a worker answers every task
with one `Reply`, in the order they came. Replies of an abandoned epoch are known by its number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .fetch import FetchPlan

__all__ = ["Epoch", "Exhausted", "Reply", "Task", "WorkerJob"]


@dataclass(frozen=True)
class WorkerJob:
    """What a worker is started with."""

    plan: FetchPlan
    init_fn: Callable[[int], Any] | None
    worker_id: int
    num_workers: int
    base_seed: int


@dataclass(frozen=True)
class Epoch:
    """Request: a new pass over the dataset begins."""

    number: int
    seed: int


@dataclass(frozen=True)
class Task:
    """Request: fetch `index`, whose first sample is number `position` of the epoch."""

    number: int
    index: Any
    position: int


@dataclass(frozen=True)
class Reply:
    """Answer to a task: a batch, `Exhausted` or a `RemoteError`."""

    epoch: int
    task: int
    content: Any


class Exhausted:
    """The worker's stream has no further samples."""
