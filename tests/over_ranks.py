"""Runs a function in several forked ranks of one group and returns what each of them returned."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrite.distributed as dist


def over_ranks(folder: Path, world: int, fn: Callable[..., Any], *args: Any) -> list[Any]:
    """The results of `fn(*args)` by rank; `fn` runs with a group formed."""
    dist.notebook_launcher(_rank, (folder, fn, args), nprocs=world)
    return [pickle.loads((folder / str(rank)).read_bytes()) for rank in range(world)]


def _rank(folder: Path, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
    dist.init_process_group("gloo")
    result = fn(*args)
    (folder / str(dist.get_rank())).write_bytes(pickle.dumps(result))
    dist.barrier()
    dist.destroy_process_group()
