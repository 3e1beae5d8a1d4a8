"""Ranks as Ray actors: placement, start, and restarts from the last checkpoint are Ray's part.

The actors of one attempt lie in one placement group. They get the variables that a launcher sets,
so that `init_process_group()` needs no arguments; the collectives are Pyrite's own. A failed rank
ends its attempt, and all ranks start again until `max_restarts` is used up.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["launch"]

# A cluster of this process only: no usage reports, no token written to the home directory.
_SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}


class _Rank:
    """What an actor is: one rank of one attempt."""

    def place(self) -> tuple[str, int, str]:
        """Where the actor is: its host's address, a free port there, and the host's name."""
        import socket

        from pyrite.distributed.launcher.agent import free_port

        address = _ray().util.get_node_ip_address()
        return address, free_port(address), socket.gethostname()

    def run(self, variables: Mapping[str, str], fn: Callable[..., Any], args: Any) -> Any:
        """The function's result in this rank."""
        import pyrite

        os.environ.update(variables)
        pyrite.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        try:
            return fn(*args)
        finally:
            if pyrite.distributed.is_initialized():
                pyrite.distributed.destroy_process_group()


def launch(
    fn: Callable[..., Any],
    num_workers: int,
    resources: Mapping[str, float] | None = None,
    *,
    args: tuple[Any, ...] = (),
    max_restarts: int = 0,
) -> list[Any]:
    """Runs `fn(*args)` in ranks on a Ray cluster, and waits for them.

    The cluster is the one that this process is connected to or that RAY_ADDRESS names, else one on
    this machine. After a failure `fn` runs again in all ranks: it goes on from its last checkpoint,
    and finds the number of restarts in TORCHELASTIC_RESTART_COUNT.

    Args:
        fn: what every rank runs; Ray pickles it, closures included.
        num_workers: number of ranks.
        resources: of each rank, by Ray's names; one CPU by default. `{"CPU": 2, "GPU": 1}`.
        args: arguments of `fn`.
        max_restarts: how often all ranks may start again after a failure.

    Returns:
        What `fn` returned in each rank.

    Raises:
        ImportError: Ray is not installed.
        ValueError: there is to be no rank.
        ray.exceptions.RayError: a rank failed for the last time: its exception as a cause, or the
            death of its process.
    """
    ray = _ray()
    if num_workers < 1:
        raise ValueError(f"ray.launch: num_workers must be positive, got {num_workers}")
    if not ray.is_initialized():
        ray.init(address=os.environ.get("RAY_ADDRESS"), log_to_driver=True)
    bundle = {"CPU": 1.0, **(resources or {})}
    group = ray.util.placement_group([bundle] * num_workers, strategy="PACK")
    try:
        ray.get(group.ready())
        attempt = 0
        while True:
            try:
                return _attempt(ray, group, bundle, (fn, args), (attempt, max_restarts))
            except ray.exceptions.RayError:
                if attempt == max_restarts:
                    raise
                attempt += 1
    finally:
        ray.util.remove_placement_group(group)


def _ray() -> Any:
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise ImportError(
            "pyrite.distributed.ray.launch needs Ray: pip install 'pyrite[ray]'"
        ) from error
    return ray


def _attempt(
    ray: Any,
    group: Any,
    bundle: Mapping[str, float],
    task: tuple[Callable[..., Any], tuple[Any, ...]],
    turn: tuple[int, int],
) -> list[Any]:
    """Starts all ranks, and ends all when one fails."""
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    others = {name: value for name, value in bundle.items() if name not in ("CPU", "GPU")}
    actors = [
        ray.remote(_Rank)
        .options(
            num_cpus=bundle["CPU"],
            num_gpus=bundle.get("GPU", 0),
            resources=others,
            scheduling_strategy=PlacementGroupSchedulingStrategy(group, index),
        )
        .remote()
        for index in range(group.bundle_count)
    ]
    try:
        places = ray.get([actor.place.remote() for actor in actors])
        variables = _variables(places, bundle, turn)
        runs = [actor.run.remote(own, *task) for actor, own in zip(actors, variables, strict=True)]
        waiting = runs
        while waiting:
            done, waiting = ray.wait(waiting)
            _check(ray, done[0], waiting)
        return list(ray.get(runs))
    finally:
        for actor in actors:
            ray.kill(actor)


def _check(ray: Any, ended: Any, others: list[Any]) -> None:
    """Raises the failure that is the cause: a rank that merely lost another is not."""
    try:
        ray.get(ended)
    except ray.exceptions.RayError as error:
        if not _lost_a_peer(error):
            raise
        settled, _ = ray.wait(others, num_returns=len(others), timeout=2.0) if others else ([], [])
        for other in settled:
            try:
                ray.get(other)
            except ray.exceptions.RayError as cause:
                if not _lost_a_peer(cause):
                    raise
        raise


def _lost_a_peer(error: Exception) -> bool:
    from pyrite.distributed.errors import PeerLostError

    return isinstance(getattr(error, "cause", None), PeerLostError)


def _variables(
    places: list[tuple[str, int, str]], bundle: Mapping[str, float], turn: tuple[int, int]
) -> list[dict[str, str]]:
    """What a launcher would have set, for each rank."""
    address, port, _ = places[0]
    hosts = [host for _, _, host in places]
    key = os.environ.get("PYRITE_GROUP_KEY") or secrets.token_hex(32)
    common = {
        "WORLD_SIZE": len(places),
        "MASTER_ADDR": address,
        "MASTER_PORT": port,
        "OMP_NUM_THREADS": max(1, int(bundle["CPU"])),
        "TORCHELASTIC_RUN_ID": "ray",
        "TORCHELASTIC_RESTART_COUNT": turn[0],
        "TORCHELASTIC_MAX_RESTARTS": turn[1],
        "PYRITE_GROUP_KEY": key,
    }
    return [
        {name: str(value) for name, value in common.items()}
        | {
            "RANK": str(rank),
            "LOCAL_RANK": str(hosts[:rank].count(host)),
            "LOCAL_WORLD_SIZE": str(hosts.count(host)),
        }
        for rank, host in enumerate(hosts)
    ]
