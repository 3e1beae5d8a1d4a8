"""Collectives on Python objects, as pickles.

Unpickling runs code that the sender chooses. The ranks of a group have proved to each other that
they know its secret before a byte is read, so objects come from the group's own members only.
"""

from __future__ import annotations

from typing import Any

from pyrite._C import Tensor, empty, frombuffer, int64, tensor, uint8
from pyrite.distributed import collectives
from pyrite.distributed.process_group import ProcessGroup, member_of

__all__ = [
    "all_gather_object",
    "broadcast_object_list",
    "gather_object",
    "scatter_object_list",
]


def _pickled(value: Any) -> Tensor:
    import pickle

    return frombuffer(bytearray(pickle.dumps(value)), dtype=uint8)


def _unpickled(data: Tensor, size: int) -> Any:
    import pickle

    return pickle.loads(data[:size].numpy().tobytes())


def _sizes(size: int, pg: ProcessGroup) -> list[int]:
    """The number of bytes that every rank has."""
    sizes = empty(pg.size(), dtype=int64)
    collectives.all_gather_into_tensor(sizes, tensor([size]), pg)
    return [int(size) for size in sizes.tolist()]


def _padded(data: Tensor, size: int) -> Tensor:
    padded = empty(size, dtype=uint8)
    padded[: data.numel()] = data
    return padded


def all_gather_object(object_list: list[Any], obj: Any, group: ProcessGroup | None = None) -> None:
    """Gives every rank's object to all.

    Args:
        object_list: a list with an entry for each rank, which are replaced.
        obj: this rank's object; anything that can be pickled.
        group: the default group by default.
    """
    pg = member_of(group, "all_gather_object")
    if pg is None:
        return
    data = _pickled(obj)
    sizes = _sizes(data.numel(), pg)
    outputs = list(empty(pg.size(), max(sizes), dtype=uint8).unbind())
    collectives.all_gather(outputs, _padded(data, max(sizes)), pg)
    for place, (output, size) in enumerate(zip(outputs, sizes, strict=True)):
        object_list[place] = _unpickled(output, size)


def gather_object(
    obj: Any,
    object_gather_list: list[Any] | None = None,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    group_dst: int | None = None,
) -> None:
    """Gives every rank's object to one rank.

    Args:
        obj: this rank's object.
        object_gather_list: on the destination, a list with an entry for each rank.
        dst: the destination's global rank; 0 by default.
        group: the default group by default.
        group_dst: the destination's rank in the group, instead of `dst`.
    """
    pg = member_of(group, "gather_object")
    if pg is None:
        return
    root = pg._group_rank(dst, group_dst, default=0)
    here = pg.rank() == root
    if here and object_gather_list is None:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    data = _pickled(obj)
    sizes = _sizes(data.numel(), pg)
    outputs = list(empty(pg.size(), max(sizes), dtype=uint8).unbind()) if here else None
    padded = _padded(data, max(sizes))
    collectives.gather(padded, outputs, group=pg, group_dst=root)
    if outputs is not None and object_gather_list is not None:
        for place, (output, size) in enumerate(zip(outputs, sizes, strict=True)):
            object_gather_list[place] = _unpickled(output, size)


def broadcast_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: ProcessGroup | None = None,
    device: Any = None,
    group_src: int | None = None,
) -> None:
    """Gives one rank's objects to all.

    Args:
        object_list: inputs on the source; a list of the same length on the others, replaced.
        src: the source's global rank; 0 by default.
        group: the default group by default.
        device: inert.
        group_src: the source's rank in the group, instead of `src`.
    """
    pg = member_of(group, "broadcast_object_list")
    if pg is None:
        return
    root = pg._group_rank(src, group_src, default=0)
    here = pg.rank() == root
    pickles = [_pickled(value) for value in object_list] if here else []
    sizes = tensor([data.numel() for data in pickles] if here else [0] * len(object_list))
    collectives.broadcast(sizes, group=pg, group_src=root)
    for place, size in enumerate(sizes.tolist()):
        data = pickles[place] if here else empty(int(size), dtype=uint8)
        collectives.broadcast(data, group=pg, group_src=root)
        if not here:
            object_list[place] = _unpickled(data, int(size))


def scatter_object_list(
    scatter_object_output_list: list[Any],
    scatter_object_input_list: list[Any] | None = None,
    src: int | None = None,
    group: ProcessGroup | None = None,
    group_src: int | None = None,
) -> None:
    """Gives each rank one of one rank's objects.

    Args:
        scatter_object_output_list: a list whose first entry is replaced.
        scatter_object_input_list: on the source, an object for each rank.
        src: the source's global rank; 0 by default.
        group: the default group by default.
        group_src: the source's rank in the group, instead of `src`.
    """
    pg = member_of(group, "scatter_object_list")
    if pg is None:
        return
    if not scatter_object_output_list:
        raise ValueError(
            "Expected argument scatter_object_output_list to be a list of size at least 1."
        )
    root = pg._group_rank(src, group_src, default=0)
    pickles: list[Tensor] = []
    if pg.rank() == root:
        if scatter_object_input_list is None or len(scatter_object_input_list) != pg.size():
            raise ValueError(
                "source rank must provide non-None scatter_object_input_list\n  with an object "
                f"for each of {pg.size()} ranks"
            )
        pickles = [_pickled(value) for value in scatter_object_input_list]
    sizes = tensor([data.numel() for data in pickles] or [0] * pg.size())
    collectives.broadcast(sizes, group=pg, group_src=root)
    longest = int(sizes.max())
    inputs = [_padded(data, longest) for data in pickles] or None
    output = empty(longest, dtype=uint8)
    collectives.scatter(output, inputs, group=pg, group_src=root)
    scatter_object_output_list[0] = _unpickled(output, int(sizes[pg.rank()]))
