"""How launchers on several hosts agree: node ranks, a port for each attempt, failures.

With `--rdzv-backend c10d` a launcher that can listen on the endpoint serves a store, in which hosts
gather for one attempt after the other: a round is closed when all hosts are there, or enough of
them and no other for a while. With the static backend everything is on the command line. Invariant:
all nodes of an attempt use one port, and an attempt that ends on one node ends on all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from pyrite.distributed.errors import DistError, DistNetworkError
from pyrite.distributed.store import TCPStore

from .options import Job

_FAREWELL = 10.0  # seconds in which the others have to notice that all is well

Wait = Callable[[], bool]  # sleeps for a moment; False when the job is to end


class Alone:
    """One host, or a static job: nothing to agree on."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def begin(self, free: Callable[[str], int], wait: Wait) -> Job | None:
        """The job as the next attempt has it: hosts, node rank, port; None if it is to end."""
        port = self.job.master_port or free(self.job.master_addr)
        return dataclasses.replace(self.job, master_port=port)

    def over(self) -> bool:
        """Whether the attempt has ended on another node."""
        return False

    def grown(self) -> bool:
        """Whether it ended because another host has come."""
        return False

    def fail(self) -> None:
        """Tells the other nodes that ranks have failed here."""

    def finished(self) -> bool:
        """Whether all nodes' ranks have ended well."""
        return True

    def well(self) -> None:
        """Tells the other nodes that all ranks have ended well here."""


class Together(Alone):
    """Several hosts that meet in a store; `job.nnodes` at most, `job.least` at least."""

    def __init__(self, job: Job, store: Any, serves: bool) -> None:
        super().__init__(job)
        self._store = store
        self._serves = serves
        self._round = 0
        self._hosts = 0
        self._well_since: float | None = None

    def _key(self, name: str) -> str:
        return f"{self.job.run_id}/{name}/{self._round}"

    def _count(self, name: str, amount: int = 0) -> int:
        return int(self._store.add(self._key(name), amount))

    def begin(self, free: Callable[[str], int], wait: Wait) -> Job | None:
        """Gathers with the other hosts.

        Raises:
            DistNetworkError: too few came in time, or the job had ended before.
        """
        while self._store.check([self._key("over")]):
            self._round += 1
        number = self._count("joined", 1) - 1
        deadline = time.monotonic() + self.job.join_timeout
        changed, seen = time.monotonic(), 0
        while not self._store.check([self._key("closed")]):
            count, now = self._count("joined"), time.monotonic()
            if count != seen:
                changed, seen = now, count
            quiet = now - changed > self.job.last_call
            if number == 0 and (count >= self.job.nnodes or (count >= self.job.least and quiet)):
                self._close(min(count, self.job.nnodes), free)
            elif now > deadline:
                raise DistNetworkError(f"{count} hosts came in time, {self.job.least} are needed")
            elif not wait():
                return None
        hosts, address, port = self._store.get(self._key("closed")).decode().split(" ")
        self._hosts = int(hosts)
        if number >= self._hosts:
            return self._come_late(free, wait)
        agreed = dataclasses.replace(self.job, nnodes=self._hosts, node_rank=number)
        return dataclasses.replace(agreed, master_addr=address, master_port=int(port))

    def _close(self, hosts: int, free: Callable[[str], int]) -> None:
        """The first host of a round is node 0: rank 0 listens there."""
        address = self._store._local_host()
        self._store.set(self._key("closed"), f"{hosts} {address} {free(address)}")

    def _come_late(self, free: Callable[[str], int], wait: Wait) -> Job | None:
        """A host too many waits for the next attempt; one that there is room for asks for it."""
        if self._count("well"):
            raise DistNetworkError("the job had ended when this host came")
        if self._hosts < self.job.nnodes:
            self._store.compare_set(self._key("over"), "", "grown")
        while not self._store.check([self._key("over")]):
            if not wait():
                return None
        return self.begin(free, wait)

    def over(self) -> bool:
        """Whether the attempt has ended on another node, or the store is gone with its node."""
        try:
            return bool(self._store.check([self._key("over")]))
        except DistError:
            return True

    def grown(self) -> bool:
        """Whether it ended because another host has come."""
        with contextlib.suppress(DistError):
            return self.over() and bool(self._store.get(self._key("over")) == b"grown")
        return False

    def fail(self) -> None:
        """Tells the other nodes that ranks have failed here."""
        with contextlib.suppress(DistError):
            self._store.compare_set(self._key("over"), "", "failed")

    def finished(self) -> bool:
        """Whether all nodes' ranks have ended well; the node that serves the store leaves last."""
        if self._count("well") < self._hosts:
            return False
        if self._well_since is None:
            self._well_since = time.monotonic()
            self._count("left", 1)
        waited = time.monotonic() - self._well_since > _FAREWELL
        return not self._serves or self._count("left") >= self._hosts or waited

    def well(self) -> None:
        """Tells the other nodes that all ranks have ended well here."""
        self._count("well", 1)


def meet(job: Job) -> Alone:
    """Agrees with the launchers of the other hosts.

    Raises:
        DistNetworkError: the endpoint does not answer.
    """
    if job.nnodes == 1 or not job.dynamic:
        return Alone(job)
    address, patience = (job.master_addr, job.master_port), timedelta(seconds=job.join_timeout)
    try:
        store = TCPStore(*address, None, True, patience, wait_for_workers=False)
        return Together(job, store, True)
    except DistNetworkError:  # not an address of this host, or another launcher was first
        store = TCPStore(*address, None, False, patience, wait_for_workers=False)
        return Together(job, store, False)
