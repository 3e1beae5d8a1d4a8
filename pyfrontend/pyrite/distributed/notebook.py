"""Ranks from a notebook: forked, so that they have the functions of its cells."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import Any

__all__ = ["notebook_launcher"]


def notebook_launcher(
    fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int | None = None
) -> None:
    """Runs `fn(*args)` in `nprocs` ranks and waits for them; for notebooks and prompts.

    Each rank has the variables of a launcher, so that `init_process_group()` needs no arguments.

    Args:
        fn: a function, of a cell or a module.
        args: its arguments.
        nprocs: number of ranks; as many as there are CUDA devices, else two.

    Raises:
        RuntimeError: this process is in a group already, or has used a GPU: forks cannot.
        ProcessRaisedException: a rank raised; the others are ended.
    """
    import pyrite.distributed as dist
    from pyrite import cuda, gpu
    from pyrite.distributed.launcher.agent import free_port
    from pyrite.multiprocessing import start_processes

    if dist.is_initialized():
        raise RuntimeError("notebook_launcher: this process is a rank already; restart the kernel")
    if gpu.is_initialized():
        raise RuntimeError(
            "notebook_launcher: this process has used a GPU, and its copies could not; restart the "
            "kernel and touch the GPU inside of the function only"
        )
    world = nprocs or cuda.device_count() or 2
    variables = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port("127.0.0.1")),
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
        "GROUP_RANK": "0",
        "PYRITE_GROUP_KEY": os.environ.get("PYRITE_GROUP_KEY") or secrets.token_hex(32),
    }
    start_processes(_run, (fn, args, variables), nprocs=world, start_method="fork")


def _run(
    rank: int, fn: Callable[..., Any], args: tuple[Any, ...], variables: dict[str, str]
) -> None:
    from pyrite import _C
    from pyrite.distributed.launcher.ranks import usable_cores

    os.environ.update(variables, RANK=str(rank), LOCAL_RANK=str(rank))
    _C.set_num_threads(max(1, usable_cores() // int(variables["WORLD_SIZE"])))
    fn(*args)
