"""Process groups: forming, finding and leaving them, and the one way to call a collective."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple, TypeGuard

from pyrite import _C
from pyrite._C import Tensor
from pyrite._doors import not_built
from pyrite.distributed.errors import DistNetworkError
from pyrite.distributed.reduce_op import ReduceOp
from pyrite.distributed.rendezvous import rendezvous
from pyrite.distributed.store import PrefixStore, Store, group_secret
from pyrite.distributed.work import Work

__all__ = [
    "Backend",
    "GroupMember",
    "ProcessGroup",
    "default_pg_timeout",
    "destroy_process_group",
    "get_backend",
    "get_global_rank",
    "get_group_rank",
    "get_pg_count",
    "get_process_group_ranks",
    "get_rank",
    "get_world_size",
    "group",
    "init_process_group",
    "is_initialized",
    "new_group",
    "new_subgroups",
]

default_pg_timeout = timedelta(minutes=30)


class Backend(str):
    """The name of a backend, in lower case.

    `tcp` is Pyrite's own; `gloo` and `nccl` are accepted as names for it, also by device as in
    `cpu:gloo,cuda:nccl`.
    """

    UNDEFINED = "undefined"
    TCP = "tcp"
    GLOO = "gloo"
    NCCL = "nccl"
    MPI = "mpi"
    backend_list: ClassVar[list[str]] = [UNDEFINED, TCP, GLOO, NCCL, MPI]

    def __new__(cls, name: str) -> Backend:
        """Checks the name."""
        if not isinstance(name, str):
            raise ValueError("Backend constructor parameter must be string-ish")
        lower = name.lower()
        known = [part.rpartition(":")[2] for part in lower.split(",")]
        unknown = [part for part in known if part not in cls.backend_list]
        if unknown:
            raise ValueError(f"Invalid backend: '{name}'\n  known: tcp, gloo, nccl, mpi")
        return super().__new__(cls, lower)


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


class ProcessGroup:
    """Ranks that call collectives together; made by `init_process_group` and `new_group`."""

    def __init__(
        self, native: _C._Communicator, rank: int, ranks: list[int], name: str, backend: str
    ) -> None:
        self._native = native
        self._rank = rank
        self._ranks = ranks
        self._backend = Backend(backend)
        self._timeout = default_pg_timeout
        self.group_name = name

    def rank(self) -> int:
        """This process's rank in the group."""
        return self._rank

    def size(self) -> int:
        """How many ranks the group has."""
        return len(self._ranks)

    def name(self) -> str:
        """The backend's name."""
        return str(self._backend)

    def __repr__(self) -> str:
        return f"<ProcessGroup {self.group_name}: rank {self._rank} of {len(self._ranks)}>"

    def _group_rank(self, rank: int | None, group_rank: int | None, default: int = -1) -> int:
        """The rank in this group that a global or a group rank names."""
        if group_rank is not None:
            if rank is not None:
                raise ValueError("Can't specify both group_rank and global_rank")
            return group_rank
        if rank is None:
            if default < 0:
                raise ValueError("Must specify global_rank or group_rank")
            return default
        return get_group_rank(self, rank)

    def _call(
        self,
        op: str,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        async_op: bool,
        options: tuple[ReduceOp, int] = (ReduceOp.SUM, 0),
        timeout: timedelta | None = None,
    ) -> Work | None:
        """Runs a collective; `options` are the reduction and the special rank."""
        reduce, root = options
        if reduce is ReduceOp.PREMUL_SUM:
            raise NotImplementedError("ReduceOp.PREMUL_SUM is not supported")
        seconds = (timeout or self._timeout).total_seconds()
        native = (op, reduce.value, root, seconds)
        reads = [tensor if _is_plain(tensor) else _staged(tensor) for tensor in inputs]
        writes = [tensor if _is_plain(tensor) else _staged(tensor) for tensor in outputs]

        def finish() -> None:
            for tensor, staged in zip(outputs, writes, strict=True):
                if staged is not tensor:
                    tensor.detach().copy_(staged)

        if async_op:
            return Work(self._native.start(reads, writes, native), finish, list(outputs))
        self._native.run(reads, writes, native)
        finish()
        return None

    def _send(self, tensor: Tensor, peer: int, tag: int) -> Work:
        """Starts a message to a rank of the group."""
        memory = tensor if _is_plain(tensor) else _staged(tensor)
        seconds = self._timeout.total_seconds()
        native = self._native.send(memory, peer, tag, seconds)
        return Work(native, lambda: None, [tensor])

    def _receive(self, tensor: Tensor, peer: int | None, tag: int) -> Work:
        """Starts receiving a message from a rank of the group, or from any."""
        memory = tensor if _is_plain(tensor) else _staged(tensor)
        seconds = self._timeout.total_seconds()
        native = self._native.receive(memory, peer, tag, seconds)

        def finish() -> None:
            if memory is not tensor:
                tensor.detach().copy_(memory)

        return Work(native, finish, [tensor])


def _is_plain(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu" and tensor.is_contiguous()


def _staged(tensor: Tensor) -> Tensor:
    """The values in contiguous host memory."""
    return tensor.detach().cpu().contiguous()


class GroupMember:
    """What stands for a group that this process is not in."""

    WORLD: ClassVar[ProcessGroup | None] = None
    NON_GROUP_MEMBER = -100


class _WorldMeta(type):
    @property
    def WORLD(cls) -> ProcessGroup | None:
        """The default group."""
        return _state.world

    @WORLD.setter
    def WORLD(cls, group: ProcessGroup | None) -> None:
        _state.world = group


class group(metaclass=_WorldMeta):
    """The default group is `group.WORLD`."""


class _State:
    """The groups of this process."""

    def __init__(self) -> None:
        self.world: ProcessGroup | None = None
        self.store: Store | None = None
        self.groups: list[ProcessGroup] = []
        self.made = 0
        self.hooked = False

    def hook(self) -> None:
        """Says goodbye at exit, and leaves the groups to the parent in a forked child."""
        if self.hooked:
            return
        self.hooked = True
        import atexit

        atexit.register(self.leave)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.abandon)
        import sys

        # Children of multiprocessing end without atexit's functions, but with these.
        if "multiprocessing.process" in sys.modules:
            from multiprocessing.util import Finalize

            Finalize(None, self.leave, exitpriority=10)

    def leave(self) -> None:
        for member in self.groups:
            member._native.close()

    def abandon(self) -> None:
        for member in self.groups:
            member._native.abandon()


_state = _State()


def is_initialized() -> bool:
    """Whether the default group has been formed."""
    return _state.world is not None


def world() -> ProcessGroup:
    """The default group.

    Raises:
        ValueError: there is none.
    """
    if _state.world is None:
        raise ValueError(
            "Default process group has not been initialized, "
            "please make sure to call init_process_group."
        )
    return _state.world


def is_member(group: Any) -> TypeGuard[ProcessGroup | None]:
    """Whether this process takes part in a group (None for the default one)."""
    return group is not GroupMember.NON_GROUP_MEMBER


def member_of(group: Any, op: str) -> ProcessGroup | None:
    """The group of a collective; None, with PyTorch's warning, outside of it."""
    if group is None:
        return world()
    if is_member(group) and isinstance(group, ProcessGroup):
        return group
    if not is_member(group):
        warnings.warn(
            f"Running {op} on global rank {get_rank()} which does not belong to the given group.",
            stacklevel=3,
        )
        return None
    raise ValueError(f"Expecting a ProcessGroup, but got a {type(group)}.")


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
    formed = ProcessGroup(_C._form_group(listener, secret, shape), rank, ranks, name, backend)
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
        backend: `tcp` (the default) or a name for it: `gloo`, `nccl`.
        init_method: where the ranks meet: `env://` (the default), `tcp://host:port`, `file:///path`.
        timeout: of collectives, and of forming the group; 30 minutes by default.
        world_size: how many ranks there are, where the address does not say.
        rank: this process's rank, where the address does not say.
        store: where the ranks meet, instead of an address.
        group_name: inert, as in PyTorch.
        pg_options: inert.
        device_id: inert: tensors of any device can be given to every collective.

    Raises:
        ValueError: there is a default group already, or something is missing.
        DistNetworkError: the ranks did not find each other in time, or a port is in use.
    """
    if _state.world is not None:
        raise ValueError("trying to initialize the default process group twice!")
    if store is not None and init_method is not None:
        raise AssertionError("Cannot specify both init_method and store.")
    name = Backend(backend or "tcp")
    if "mpi" in name:
        raise not_built("distributed.init_process_group(backend='mpi')", "MPI backend")
    limit = timeout or default_pg_timeout
    if store is not None:
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
    time = store.add(f"default/{rank}", 1)
    _state.store = PrefixStore(f"group/{time}", store)
    _state.made = 0
    return _form(_state.store, rank, list(range(world_size)), f"world/{time}", timeout, backend)


def _meet_at(
    url: str, rank: int, world_size: int, timeout: timedelta, backend: str
) -> ProcessGroup:
    import time

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
    leaving = list(_state.groups) if which is _state.world else [which]
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
    if base.rank() not in members or _state.store is None:
        return GroupMember.NON_GROUP_MEMBER
    name = f"{base.group_name}/{_state.made}"
    me = members.index(base.rank())
    limit = timeout or base._timeout
    return _form(_state.store, me, members, name, limit, backend or base.name())


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


def _lookup(group: Any) -> ProcessGroup | None:
    """The group, or None for one that this process is not in."""
    if not is_member(group):
        return None
    return world() if group is None else group


def get_rank(group: Any = None) -> int:
    """This process's rank in a group; -1 outside of it."""
    found = _lookup(group)
    return -1 if found is None else found.rank()


def get_world_size(group: Any = None) -> int:
    """How many ranks a group has; -1 outside of it."""
    found = _lookup(group)
    return -1 if found is None else found.size()


def get_backend(group: Any = None) -> str:
    """The name of a group's backend."""
    found = _lookup(group)
    if found is None:
        raise ValueError("Invalid process group specified")
    return found._backend


def get_process_group_ranks(group: ProcessGroup | None) -> list[int]:
    """The global ranks of a group, in its order."""
    return list((group or world())._ranks)


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The rank in a group of a global rank.

    Raises:
        ValueError: the rank is not in the group.
    """
    if global_rank not in group._ranks:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return group._ranks.index(global_rank)


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The global rank of a rank in a group.

    Raises:
        ValueError: the group has no such rank.
    """
    if not 0 <= group_rank < group.size():
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return group._ranks[group_rank]


def get_pg_count() -> int:
    """How many groups this process is in."""
    return len(_state.groups)
