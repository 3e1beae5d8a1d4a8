"""Messages from one rank to another.

They are told apart by sender and tag, and do not mix with collectives: a receive may be posted
before or after its send, in any order between different tags.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyrite._C import Tensor
from pyrite.distributed.collectives import check_tensor
from pyrite.distributed.process_group import (
    ProcessGroup,
    get_global_rank,
    get_rank,
    is_member,
    member_of,
    world,
)
from pyrite.distributed.work import Work

__all__ = ["P2POp", "batch_isend_irecv", "irecv", "isend", "recv", "send"]


def isend(
    tensor: Tensor,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_dst: int | None = None,
) -> Work | None:
    """Starts sending a tensor.

    Args:
        tensor: what is sent; it must not be written before the work is over.
        dst: the destination's global rank.
        group: the default group by default.
        tag: matches the receive's.
        group_dst: the destination's rank in the group, instead of `dst`.
    """
    check_tensor(tensor, "tensor")
    pg = member_of(group, "isend")
    if pg is None:
        return None
    peer = pg._group_rank(dst, group_dst)
    if peer == pg.rank():
        raise ValueError(
            "Invalid destination rank: destination rank should not be the same as the rank of "
            "the current process."
        )
    return pg._send(tensor, peer, tag)


def irecv(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_src: int | None = None,
) -> Work | None:
    """Starts receiving a tensor.

    Args:
        tensor: where it goes, of the sender's size and dtype.
        src: the source's global rank; any by default.
        group: the default group by default.
        tag: matches the send's.
        group_src: the source's rank in the group, instead of `src`.
    """
    check_tensor(tensor, "tensor")
    pg = member_of(group, "irecv")
    if pg is None:
        return None
    anybody = src is None and group_src is None
    peer = None if anybody else pg._group_rank(src, group_src)
    if peer == pg.rank():
        raise ValueError(
            "Invalid source rank: source rank should not be the same as the rank of the current "
            "process."
        )
    return pg._receive(tensor, peer, tag)


def send(
    tensor: Tensor,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_dst: int | None = None,
) -> None:
    """Sends a tensor; see `isend`."""
    work = isend(tensor, dst, group, tag, group_dst)
    if work is not None:
        work.wait()


def recv(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_src: int | None = None,
) -> int:
    """Receives a tensor; see `irecv`.

    Returns:
        The sender's global rank; -1 outside of the group.
    """
    work = irecv(tensor, src, group, tag, group_src)
    if work is None:
        return -1
    work.wait()
    return get_global_rank(group or world(), work._source_rank())


class P2POp:
    """One message of `batch_isend_irecv`.

    Args:
        op: `isend` or `irecv`.
        tensor: what is sent, or where it goes.
        peer: the other end's global rank.
        group: the default group by default.
        tag: matches the other end's.
        group_peer: the other end's rank in the group, instead of `peer`.
    """

    def __init__(
        self,
        op: Callable[..., Work | None],
        tensor: Tensor,
        peer: int | None = None,
        group: ProcessGroup | None = None,
        tag: int = 0,
        group_peer: int | None = None,
    ) -> None:
        if op not in (isend, irecv):
            raise ValueError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or "
                "``torch.distributed.irecv``."
            )
        check_tensor(tensor, "tensor")
        pg = world() if group is None else group
        self.op = op
        self.tensor = tensor
        self.group = pg
        self.group_peer = pg._group_rank(peer, group_peer)
        self.peer = get_global_rank(pg, self.group_peer)
        self.tag = tag

    def __repr__(self) -> str:
        here, there = get_rank(self.group), self.group_peer
        source, target = (here, there) if self.op is isend else (there, here)
        return (
            f"P2POp({self.op.__name__} pg={self.group.group_name}, group_src={source}, "
            f"group_dst={target},  {self.tensor.shape}, {self.tensor.dtype})"
        )


def batch_isend_irecv(p2p_op_list: list[P2POp]) -> list[Work]:
    """Starts several messages at once.

    Args:
        p2p_op_list: the messages, all of one group.

    Returns:
        The work of each.
    """
    if not isinstance(p2p_op_list, list) or not all(isinstance(p, P2POp) for p in p2p_op_list):
        raise ValueError(
            "Invalid ``p2p_op_list``. Each op is expected to to be of type "
            "``torch.distributed.P2POp``."
        )
    groups: list[Any] = [entry.group for entry in p2p_op_list]
    if any(group is not groups[0] for group in groups):
        raise ValueError("All ops need to use the same group.")
    works = [
        entry.op(entry.tensor, group=entry.group, tag=entry.tag, **_peer(entry))
        for entry in p2p_op_list
        if is_member(entry.group)
    ]
    return [work for work in works if work is not None]


def _peer(entry: P2POp) -> dict[str, int]:
    return {"group_dst" if entry.op is isend else "group_src": entry.group_peer}
