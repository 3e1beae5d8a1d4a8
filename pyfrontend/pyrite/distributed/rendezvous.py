"""Where ranks meet: `env://`, `tcp://host:port` and `file:///path` as PyTorch understands them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from pyrite.distributed.store import FileStore, Store, TCPStore

__all__ = ["register_rendezvous_handler", "rendezvous"]

_Meeting = tuple[Store, int, int]
_Handler = Callable[..., Iterator[_Meeting]]
_handlers: dict[str, _Handler] = {}


def register_rendezvous_handler(scheme: str, handler: _Handler) -> None:
    """Adds a way to meet.

    Args:
        scheme: what its addresses begin with.
        handler: called with the address; yields store, rank and world size.

    Raises:
        RuntimeError: there is one for that scheme.
    """
    if scheme in _handlers:
        raise RuntimeError(f"Rendezvous handler for {scheme}:// already registered")
    _handlers[scheme] = handler


def rendezvous(url: str, rank: int = -1, world_size: int = -1, **kwargs: Any) -> Iterator[_Meeting]:
    """Meets the other ranks at an address.

    Args:
        url: `env://`, `tcp://host:port`, `file:///path` or one of a registered handler; a query
            gives `rank` and `world_size` where the arguments do not.
        rank: this process's rank; -1 to take it from the address or environment.
        world_size: how many ranks there are; -1 likewise.
        kwargs: handed to the handler (`timeout`).

    Returns:
        An iterator whose first value is store, rank and world size.

    Raises:
        RuntimeError: the address has no handler.
        ValueError: something is missing.
    """
    from urllib.parse import parse_qsl, urlparse, urlunparse

    if not isinstance(url, str):
        raise RuntimeError(f"`url` must be a string. {type(url)}: {url}")
    parts = urlparse(url)
    query = dict(parse_qsl(parts.query))
    if rank != -1:
        query["rank"] = str(rank)
    if world_size != -1:
        query["world_size"] = str(world_size)
    if parts.scheme not in _handlers:
        raise RuntimeError(f"No rendezvous handler for {parts.scheme}://")
    joined = "&".join(f"{key}={value}" for key, value in query.items())
    return _handlers[parts.scheme](urlunparse(parts._replace(query=joined)), **kwargs)


def _read(url: str) -> tuple[Any, dict[str, str]]:
    from urllib.parse import parse_qsl, urlparse

    parts = urlparse(url)
    return parts, dict(parse_qsl(parts.query))


def _needed(query: dict[str, str], scheme: str) -> tuple[int, int]:
    for key, name in (("rank", "rank"), ("world_size", "world size")):
        if key not in query:
            raise ValueError(
                f"Error initializing torch.distributed using {scheme}:// rendezvous: "
                f"{name} parameter missing"
            )
    return int(query["rank"]), int(query["world_size"])


def _by_tcp(url: str, timeout: timedelta = timedelta(minutes=30)) -> Iterator[_Meeting]:
    parts, query = _read(url)
    if parts.port is None:
        raise ValueError(
            "Error initializing torch.distributed using tcp:// rendezvous: port number missing"
        )
    rank, world_size = _needed(query, "tcp")
    store = TCPStore(parts.hostname, parts.port, world_size, rank == 0, timeout)
    yield store, rank, world_size


def _by_file(url: str, timeout: timedelta = timedelta(minutes=30)) -> Iterator[_Meeting]:
    parts, query = _read(url)
    if not parts.path:
        raise ValueError(
            "Error initializing torch.distributed using file:// rendezvous: path missing"
        )
    rank, world_size = _needed(query, "file")
    store = FileStore(parts.path, world_size)
    store.set_timeout(timeout)
    yield store, rank, world_size


def _by_environment(url: str, timeout: timedelta = timedelta(minutes=30)) -> Iterator[_Meeting]:
    _, query = _read(url)

    def variable(name: str) -> str:
        value = os.environ.get(name)
        if value is None:
            raise ValueError(
                "Error initializing torch.distributed using env:// rendezvous: environment "
                f"variable {name} expected, but not set"
            )
        return value

    rank = int(query["rank"] if "rank" in query else variable("RANK"))
    world_size = int(query["world_size"] if "world_size" in query else variable("WORLD_SIZE"))
    host, port = variable("MASTER_ADDR"), int(variable("MASTER_PORT"))
    # The launcher's agent may serve the store, so that it outlives a failed rank 0.
    agent = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    store = TCPStore(host, port, None if agent else world_size, rank == 0 and not agent, timeout)
    yield store, rank, world_size


register_rendezvous_handler("env", _by_environment)
register_rendezvous_handler("tcp", _by_tcp)
register_rendezvous_handler("file", _by_file)
