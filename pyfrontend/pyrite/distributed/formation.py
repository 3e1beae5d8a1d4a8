"""Forming and leaving process groups."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from pyrite import _C
from pyrite.distributed.errors import DistNetworkError
from pyrite.distributed.mpi import MpiCommunicator
from pyrite.distributed.process_group import (
    Backend,
    GroupMember,
    ProcessGroup,
    _state,
    default_pg_timeout,
    get_rank,
    is_member,
    world,
)
from pyrite.distributed.rendezvous import rendezvous
from pyrite.distributed.store import PrefixStore, Store, group_secret

__all__ = ["destroy_process_group", "init_process_group", "new_group", "new_subgroups"]


class _Shape(NamedTuple):
    """What the native side needs to form a group."""

    rank: int
    addresses: list[str]
    hosts: list[str]
    name: str
    silence: float
    spin: bool
    shared_memory: bool
    timeout: float


def _host_name() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    import platform

    return platform.node()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _form(
    store: Store, rank: int, ranks: list[int], name: str, timeout: timedelta, backend: str
) -> ProcessGroup:
    """Connects the ranks of a group that find each other in `store`."""
    secret = group_secret()
    listener = _C._Listener(os.environ.get("PYRITE_BIND_ADDRESS") or store._local_host())
    host = _host_name()
    store.set(f"{name}/{rank}", f"{listener.address} {host}")
    entries = [store.get(f"{name}/{peer}").decode().split(" ", 1) for peer in range(len(ranks))]
    addresses, hosts = [entry[0] for entry in entries], [entry[1] for entry in entries]
    _check_hosts(addresses, hosts)
    shape = _Shape(
        rank=rank,
        addresses=addresses,
        hosts=hosts,
        name=name,
        silence=float(os.environ.get("PYRITE_HEARTBEAT_TIMEOUT", "10")),
        spin=hosts.count(host) <= _cores(),
        shared_memory=len(set(hosts)) == 1 and os.environ.get("PYRITE_SHARED_MEMORY") != "0",
        timeout=timeout.total_seconds(),
    )
    native = _C._form_group(listener, secret, shape)
    return _enter(ProcessGroup(native, rank, ranks, name, backend), timeout)


def _enter(formed: ProcessGroup, timeout: timedelta) -> ProcessGroup:
    formed._timeout = timeout
    _state.groups.append(formed)
    _state.hook()
    return formed


def _check_hosts(addresses: list[str], hosts: list[str]) -> None:
    """Refuses a group across hosts that cannot work or has no key of its own."""
    if len(set(hosts)) == 1:
        return
    if "PYRITE_GROUP_KEY" not in os.environ:
        raise DistNetworkError(
            f"the ranks are on several hosts ({', '.join(sorted(set(hosts)))}), and the group has "
            "no key\n  set PYRITE_GROUP_KEY to the same secret text (16 characters or more) on "
            "every host"
        )
    local = [f"{a} of {h}" for a, h in zip(addresses, hosts, strict=True) if a.startswith("127.")]
    if local:
        raise DistNetworkError(
            f"other hosts cannot reach {local[0]}\n  set PYRITE_BIND_ADDRESS to an address of "
            "this host on the network of the ranks"
        )


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
    store: Store | None = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
    _ranks: list[int] | None = None,
) -> None:
    """Forms the default group; every rank calls it.

    Args:
        backend: `tcp` (the default) or a name for it: `gloo`, `nccl`; or `mpi`, whose ranks and
            meeting point are those of `mpirun`.
        init_method: where the ranks meet: `env://` (the default), `tcp://host:port`, `file:///path`.
        timeout: of collectives, and of forming the group; 30 minutes by default.
        world_size: how many ranks there are, where the address does not say.
        rank: this process's rank, where the address does not say.
        store: where the ranks meet, instead of an address.
        group_name: inert, as in PyTorch.
        pg_options: inert.
        device_id: inert: tensors of any device can be given to every collective.

    Raises:
        RuntimeError: `mpi` without mpi4py.
        ValueError: there is a default group already, or something is missing.
        DistNetworkError: the ranks did not find each other in time, or a port is in use.
    """
    if _state.world is not None:
        raise ValueError("trying to initialize the default process group twice!")
    if store is not None and init_method is not None:
        raise AssertionError("Cannot specify both init_method and store.")
    name = Backend(backend or "tcp")
    limit = timeout or default_pg_timeout
    if Backend.MPI in name:
        _state.world = _join(MpiCommunicator(), (rank, world_size), limit, name)
    elif store is not None:
        if world_size <= 0:
            raise AssertionError("world_size must be positive if using store")
        if rank < 0:
            raise AssertionError("rank must be non-negative if using store")
        _state.world = _meet(store, rank, world_size, limit, name)
    else:
        _state.world = _meet_at(init_method or "env://", rank, world_size, limit, name)
    GroupMember.WORLD = _state.world


def _meet(
    store: Store, rank: int, world_size: int, timeout: timedelta, backend: str
) -> ProcessGroup:
    """Forms the default group; each time that the ranks do so on one store has its own number."""
    if not 0 <= rank < world_size:
        raise ValueError(f"rank {rank} is not in a group of {world_size}")
    turn = store.add(f"default/{rank}", 1)
    _state.store = PrefixStore(f"group/{turn}", store)
    _state.made = 0
    return _form(_state.store, rank, list(range(world_size)), f"world/{turn}", timeout, backend)


def _meet_at(
    url: str, rank: int, world_size: int, timeout: timedelta, backend: str
) -> ProcessGroup:
    end = time.monotonic() + timeout.total_seconds()
    while True:
        store, rank, world_size = next(rendezvous(url, rank, world_size, timeout=timeout))
        try:
            return _meet(store, rank, world_size, timeout, backend)
        except DistNetworkError as error:
            # A rank that re-forms the group at once may meet the last of the old store: it is
            # gone before all have come, and the new one takes its place.
            if rank == 0 or "store broke" not in str(error) or time.monotonic() > end:
                raise


def _join(
    native: MpiCommunicator, given: tuple[int, int], timeout: timedelta, backend: str
) -> ProcessGroup:
    """The default group of an MPI job."""
    if given != (-1, -1):
        warnings.warn(
            f"For MPI backend, world_size ({given[1]}) and rank ({given[0]}) are ignored since "
            "they are assigned by the MPI runtime.",
            stacklevel=3,
        )
    _state.store, _state.made = None, 0
    ranks = list(range(native.size))
    return _enter(ProcessGroup(native, native.rank, ranks, "world/mpi", backend), timeout)


def destroy_process_group(group: ProcessGroup | None = None) -> None:
    """Leaves a group, or the default one and all others with it.

    Calls of other ranks that still need this one fail, and say that it has left.

    Args:
        group: which; None for all.

    Raises:
        AssertionError: there is none.
        ValueError: it is no group of this process.
    """
    if not is_member(group):
        return
    which = group if group is not None else _state.world
    if which is None:
        raise AssertionError("Process group cannot be None")
    if which not in _state.groups:
        raise ValueError("Invalid process group specified or has been destroyed.")
    leaving = list(_state.groups) if which is _state.world else [which, *which._twins]
    for member in leaving:
        member._native.close()
        _state.groups.remove(member)
    if which is _state.world:
        _state.world = GroupMember.WORLD = None
        _state.store = None


def new_group(
    ranks: Sequence[int] | None = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    use_local_synchronization: bool = False,
    group_desc: str | None = None,
    device_id: Any = None,
    sort_ranks: bool = True,
) -> ProcessGroup | int:
    """Forms a group of some ranks; all ranks of the default group call it, in the same order.

    Args:
        ranks: global ranks; None for all.
        timeout: of its collectives; the default group's by default.
        backend: as for `init_process_group`.
        pg_options: inert.
        use_local_synchronization: inert: only members wait for each other in any case.
        group_desc: inert.
        device_id: inert.
        sort_ranks: whether ranks in the group follow the global order.

    Returns:
        The group, or `GroupMember.NON_GROUP_MEMBER` for a process that is not in it.

    Raises:
        ValueError: a rank is not in the default group, or named twice.
    """
    base = world()
    members = list(range(base.size())) if ranks is None else list(ranks)
    if sort_ranks:
        members.sort()
    if len(set(members)) != len(members) or not all(0 <= r < base.size() for r in members):
        raise ValueError(
            f"the new group's rank should be within the world_size set by init_process_group\n"
            f"  got ranks {members}, world size {base.size()}"
        )
    _state.made += 1
    kind = Backend(backend or base.name())
    if (Backend.MPI in kind) != isinstance(base._native, MpiCommunicator):
        raise ValueError(
            f"new_group: a group of {base.name()} ranks cannot have the backend {kind}"
        )
    if base.rank() not in members:
        return GroupMember.NON_GROUP_MEMBER
    name = f"{base.group_name}/{_state.made}"
    me = members.index(base.rank())
    limit = timeout or base._timeout
    if isinstance(base._native, MpiCommunicator):
        part = base._native.part(members, _state.made)
        return _enter(ProcessGroup(part, me, members, name, kind), limit)
    if _state.store is None:
        raise ValueError("new_group: the default group has no store to meet in")
    return _form(_state.store, me, members, name, limit, kind)


def twin_group(group: ProcessGroup) -> ProcessGroup:
    """Another group of the same ranks, whose collectives have no order with the first one's.

    All ranks of the group call this, no others need to. It ends with the group.
    """
    name = f"{group.group_name}/twin{len(group._twins)}"
    ranks, backend = list(group._ranks), group.name()
    if isinstance(group._native, MpiCommunicator):
        native = group._native.part(range(group.size()), len(group._twins))
        twin = _enter(ProcessGroup(native, group.rank(), ranks, name, backend), group._timeout)
    else:
        if _state.store is None:
            raise ValueError("the default process group has been destroyed")
        twin = _form(_state.store, group.rank(), ranks, name, group._timeout, backend)
    group._twins.append(twin)
    return twin


def new_subgroups(
    group_size: int | None = None,
    group: ProcessGroup | None = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
) -> tuple[ProcessGroup | int, list[ProcessGroup | int]]:
    """Splits the ranks into groups of one size; all ranks call it.

    Args:
        group_size: ranks of each group; LOCAL_WORLD_SIZE by default.
        group: must be None: the default group is split.
        timeout: as for `new_group`.
        backend: as for `new_group`.
        pg_options: inert.
        group_desc: inert.

    Returns:
        This process's group, and all of them.

    Raises:
        ValueError: the size does not divide the number of ranks.
    """
    if group is not None and group is not _state.world:
        raise NotImplementedError("new_subgroups: only the default group can be split")
    size = int(os.environ.get("LOCAL_WORLD_SIZE", "0")) if group_size is None else group_size
    count = world().size()
    if size <= 0:
        raise ValueError(f"The arg 'group_size' ({size}) must be positive")
    if count < size:
        raise ValueError(f"The arg 'group_size' ({size}) must not exceed the world size ({count})")
    if count % size:
        raise ValueError(f"The world size ({count}) must be divisible by '{size}'")
    groups = [
        new_group(range(start, start + size), timeout, backend) for start in range(0, count, size)
    ]
    return groups[get_rank() // size], groups
