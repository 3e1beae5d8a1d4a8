"""Process groups: finding them, and the one way to call a collective."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar, TypeGuard

from pyrite import _C
from pyrite._C import Tensor
from pyrite.distributed.engine import Communicator
from pyrite.distributed.reduce_op import ReduceOp
from pyrite.distributed.store import Store
from pyrite.distributed.work import Work

__all__ = [
    "Backend",
    "GroupMember",
    "ProcessGroup",
    "default_pg_timeout",
    "get_backend",
    "get_global_rank",
    "get_group_rank",
    "get_pg_count",
    "get_process_group_ranks",
    "get_rank",
    "get_world_size",
    "group",
    "is_initialized",
]

default_pg_timeout = timedelta(minutes=30)


class Backend(str):
    """The name of a backend, in lower case.

    `tcp` is Pyrite's own; `gloo` and `nccl` are accepted as names for it, also by device as in
    `cpu:gloo,cuda:nccl`. `mpi` is MPI, under `mpirun`.
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


class ProcessGroup:
    """Ranks that call collectives together; made by `init_process_group` and `new_group`."""

    def __init__(
        self, native: Communicator, rank: int, ranks: list[int], name: str, backend: str
    ) -> None:
        self._native = native
        self._rank = rank
        self._ranks = ranks
        self._backend = Backend(backend)
        self._timeout = default_pg_timeout
        self._twins: list[ProcessGroup] = []
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
    place = tensor.device.type
    on_host = place == "cpu" or (place == "cuda" and _C._cuda_on_cpu() > 0)
    return on_host and tensor.is_contiguous()


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
    return len(_state.groups) - sum(len(member._twins) for member in _state.groups)
