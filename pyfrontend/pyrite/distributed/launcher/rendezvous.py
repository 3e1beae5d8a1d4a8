"""How launchers on several hosts agree: node ranks, a port for each attempt, failures.

With `--rdzv-backend c10d` a launcher that can listen on the endpoint serves a store, in which nodes
get their numbers in the order in which they come. With the static backend everything is on the
command line. Invariant: all nodes of an attempt use one port, and an attempt that fails on
one node ends on all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from datetime import timedelta
from typing import Any

from pyrite.distributed.errors import DistError, DistNetworkError
from pyrite.distributed.store import TCPStore

from .options import Job

_PATIENCE = timedelta(minutes=10)
_FAREWELL = 10.0  # seconds in which the others have to notice that all is well


class Alone:
    """One host, or a static job: nothing to agree on."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def port(self, attempt: int, free: Any) -> int:
        """Where rank 0 listens in an attempt."""
        return self.job.master_port or int(free(self.job.master_addr))

    def failed(self, attempt: int) -> bool:
        """Whether another node's ranks have failed."""
        return False

    def fail(self, attempt: int) -> None:
        """Tells the other nodes that ranks have failed here."""

    def finished(self, attempt: int) -> bool:
        """Whether all nodes' ranks have ended well."""
        return True

    def well(self, attempt: int) -> None:
        """Tells the other nodes that all ranks have ended well here."""


class Together(Alone):
    """Several hosts that meet in a store."""

    def __init__(self, job: Job, store: Any, serves: bool) -> None:
        self._store = store
        self._serves = serves
        self._well_since: float | None = None
        number = store.add(f"{job.run_id}/nodes", 1) - 1
        super().__init__(dataclasses.replace(job, node_rank=number))

    def _key(self, name: str, attempt: int) -> str:
        return f"{self.job.run_id}/{name}/{attempt}"

    def port(self, attempt: int, free: Any) -> int:
        """Node 0's choice."""
        key = self._key("port", attempt)
        if self.job.node_rank == 0:
            self._store.set(key, str(free(self.job.master_addr)))
        return int(self._store.get(key))

    def failed(self, attempt: int) -> bool:
        """Whether another node's ranks have failed, or the store is gone with its node."""
        try:
            return bool(self._store.check([self._key("failed", attempt)]))
        except DistError:
            return True

    def fail(self, attempt: int) -> None:
        """Tells the other nodes that ranks have failed here."""
        with contextlib.suppress(DistError):
            self._store.set(self._key("failed", attempt), "1")

    def finished(self, attempt: int) -> bool:
        """Whether all nodes' ranks have ended well; the node that serves the store leaves last."""
        if self._store.add(self._key("well", attempt), 0) < self.job.nnodes:
            return False
        if self._well_since is None:
            self._well_since = time.monotonic()
            self._store.add(self._key("left", attempt), 1)
        waited = time.monotonic() - self._well_since > _FAREWELL
        all_left = self._store.add(self._key("left", attempt), 0) >= self.job.nnodes
        return not self._serves or all_left or waited

    def well(self, attempt: int) -> None:
        """Tells the other nodes that all ranks have ended well here."""
        self._store.add(self._key("well", attempt), 1)


def meet(job: Job) -> Alone:
    """Agrees with the launchers of the other hosts.

    Raises:
        DistNetworkError: the endpoint does not answer.
    """
    if job.nnodes == 1 or not job.dynamic:
        return Alone(job)
    address = (job.master_addr, job.master_port)
    try:
        store = TCPStore(*address, None, True, _PATIENCE, wait_for_workers=False)
        return Together(job, store, True)
    except DistNetworkError:  # not an address of this host, or another launcher was first
        store = TCPStore(*address, None, False, _PATIENCE, wait_for_workers=False)
        return Together(job, store, False)
