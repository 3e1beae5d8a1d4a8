"""Collectives on tensors. Every rank of a group calls the same ones, in the same order.

All of them take tensors of any dtype, device and layout: what is not contiguous host memory goes
through a copy that is. With `async_op=True` they return a `Work`; without, they have finished, and
return None. Reference: https://docs.pytorch.org/docs/stable/distributed.html
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pyrite._C import Tensor
from pyrite.distributed.process_group import ProcessGroup, member_of
from pyrite.distributed.reduce_op import ReduceOp
from pyrite.distributed.work import Work

__all__ = [
    "all_gather",
    "all_gather_into_tensor",
    "all_reduce",
    "all_reduce_coalesced",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "broadcast",
    "gather",
    "monitored_barrier",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "scatter",
]

_LINEAR = (ReduceOp.SUM, ReduceOp.AVG, ReduceOp.PREMUL_SUM)


def check_tensor(value: Any, name: str) -> None:
    """Raises PyTorch's error for what is no tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor\n"
            f"             but got {type(value)} instead."
        )


def _check_list(value: Any, name: str, length: int) -> None:
    if not isinstance(value, (list, tuple)) or not all(isinstance(t, Tensor) for t in value):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]\n"
            f"             but got {type(value)} instead."
        )
    if len(value) != length:
        raise ValueError(f"{name}: needs a tensor for each of {length} ranks; got {len(value)}")


def _parts(tensor: Tensor, count: int, name: str) -> list[Tensor]:
    """Equal parts of a tensor along its memory, one for each rank."""
    if tensor.numel() % count:
        raise ValueError(
            f"{name}: the tensor cannot be divided among {count} ranks; got {list(tensor.shape)}"
        )
    return list(tensor.detach().view(-1).chunk(count)) if tensor.numel() else [tensor] * count


class _Flat:
    """A tensor whose parts take part in a collective: contiguous, or through a copy that is."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        plain = tensor.device.type == "cpu" and tensor.is_contiguous()
        self.memory = tensor if plain else tensor.detach().cpu().contiguous()

    def finish(self) -> None:
        """Brings the values back."""
        if self.memory is not self.tensor:
            self.tensor.detach().copy_(self.memory)


def _finished(work: Work | None, flat: _Flat) -> Work | None:
    """Brings the values of `flat` back when the work is over."""
    if work is None:
        flat.finish()
    else:
        work._after(flat.finish)
    return work


def all_reduce(
    tensor: Tensor,
    op: ReduceOp = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Combines the ranks' tensors; all get the result, with the same bits, in place.

    float16 and bfloat16 are added in float32 and rounded once.

    Args:
        tensor: input and output, of one shape and dtype on all ranks.
        op: how values are combined.
        group: the default group by default.
        async_op: whether to return at once.

    Raises:
        DistError: it failed; the subclass says how.
        ValueError: the reduction has no meaning for the dtype.
    """
    check_tensor(tensor, "tensor")
    pg = member_of(group, "all_reduce")
    if pg is None:
        return None
    if op not in _LINEAR and tensor.is_complex():
        raise ValueError(f"all_reduce does not support {op} on complex tensors")
    return pg._call("all_reduce", [], [tensor], async_op, (op, 0))


def all_reduce_coalesced(
    tensors: Sequence[Tensor],
    op: ReduceOp = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """`all_reduce` of several tensors, one after the other; the work is that of the last."""
    works = [all_reduce(tensor, op, group, async_op) for tensor in tensors]
    return works[-1] if works else None


def broadcast(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Copies one rank's tensor to all.

    Args:
        tensor: input on the source, output on the others; of one size and dtype on all ranks.
        src: the source's global rank.
        group: the default group by default.
        async_op: whether to return at once.
        group_src: the source's rank in the group, instead of `src`.
    """
    check_tensor(tensor, "tensor")
    pg = member_of(group, "broadcast")
    if pg is None:
        return None
    root = pg._group_rank(src, group_src)
    return pg._call("broadcast", [], [tensor], async_op, (ReduceOp.SUM, root))


def reduce(
    tensor: Tensor,
    dst: int | None = None,
    op: ReduceOp = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Combines the ranks' tensors in one rank's; the others keep theirs.

    Args:
        tensor: input, and output on the destination.
        dst: the destination's global rank.
        op: how values are combined.
        group: the default group by default.
        async_op: whether to return at once.
        group_dst: the destination's rank in the group, instead of `dst`.
    """
    check_tensor(tensor, "tensor")
    pg = member_of(group, "reduce")
    if pg is None:
        return None
    if op not in _LINEAR and tensor.is_complex():
        raise ValueError(f"reduce does not support {op} on complex tensors")
    return pg._call("reduce", [], [tensor], async_op, (op, pg._group_rank(dst, group_dst)))


def all_gather(
    tensor_list: list[Tensor],
    tensor: Tensor,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Copies every rank's tensor to all.

    Args:
        tensor_list: outputs, one for each rank.
        tensor: this rank's part, of one size and dtype on all ranks.
        group: the default group by default.
        async_op: whether to return at once.
    """
    check_tensor(tensor, "tensor")
    pg = member_of(group, "all_gather")
    if pg is None:
        return None
    _check_list(tensor_list, "tensor_list", pg.size())
    return pg._call("all_gather", [tensor], tensor_list, async_op)


def all_gather_into_tensor(
    output_tensor: Tensor,
    input_tensor: Tensor,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """`all_gather` into one tensor, the ranks' parts one after the other (stacked or concatenated).

    Args:
        output_tensor: as many elements as all parts together.
        input_tensor: this rank's part.
        group: the default group by default.
        async_op: whether to return at once.
    """
    check_tensor(output_tensor, "output_tensor")
    check_tensor(input_tensor, "input_tensor")
    pg = member_of(group, "all_gather_into_tensor")
    if pg is None:
        return None
    flat = _Flat(output_tensor)
    parts = _parts(flat.memory, pg.size(), "all_gather_into_tensor")
    return _finished(pg._call("all_gather", [input_tensor], parts, async_op), flat)


def reduce_scatter(
    output: Tensor,
    input_list: list[Tensor],
    op: ReduceOp = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Combines the ranks' lists; rank j gets entry j of the result.

    Args:
        output: of the entries' size and dtype.
        input_list: one tensor for each rank, all of one size.
        op: how values are combined.
        group: the default group by default.
        async_op: whether to return at once.
    """
    check_tensor(output, "output")
    pg = member_of(group, "reduce_scatter")
    if pg is None:
        return None
    _check_list(input_list, "input_list", pg.size())
    return pg._call("reduce_scatter", input_list, [output], async_op, (op, 0))


def reduce_scatter_tensor(
    output: Tensor,
    input: Tensor,
    op: ReduceOp = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """`reduce_scatter` of one tensor, the ranks' parts one after the other.

    Args:
        output: this rank's part of the result.
        input: as many elements as all parts together.
        op: how values are combined.
        group: the default group by default.
        async_op: whether to return at once.
    """
    check_tensor(output, "output")
    check_tensor(input, "input")
    pg = member_of(group, "reduce_scatter_tensor")
    if pg is None:
        return None
    parts = _parts(_Flat(input).memory, pg.size(), "reduce_scatter_tensor")
    return pg._call("reduce_scatter", parts, [output], async_op, (op, 0))


def gather(
    tensor: Tensor,
    gather_list: list[Tensor] | None = None,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Copies every rank's tensor to one rank.

    Args:
        tensor: this rank's part, of one size and dtype on all ranks.
        gather_list: outputs on the destination, one for each rank; None on the others.
        dst: the destination's global rank; 0 by default.
        group: the default group by default.
        async_op: whether to return at once.
        group_dst: the destination's rank in the group, instead of `dst`.
    """
    check_tensor(tensor, "tensor")
    pg = member_of(group, "gather")
    if pg is None:
        return None
    root = pg._group_rank(dst, group_dst, default=0)
    outputs = _rooted_list(gather_list, "gather_list", pg, root, "destination")
    return pg._call("gather", [tensor], outputs, async_op, (ReduceOp.SUM, root))


def scatter(
    tensor: Tensor,
    scatter_list: list[Tensor] | None = None,
    src: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Copies the entries of one rank's list to the ranks.

    Args:
        tensor: output, of one size and dtype on all ranks.
        scatter_list: inputs on the source, one for each rank; None on the others.
        src: the source's global rank; 0 by default.
        group: the default group by default.
        async_op: whether to return at once.
        group_src: the source's rank in the group, instead of `src`.
    """
    check_tensor(tensor, "tensor")
    pg = member_of(group, "scatter")
    if pg is None:
        return None
    root = pg._group_rank(src, group_src, default=0)
    inputs = _rooted_list(scatter_list, "scatter_list", pg, root, "source")
    return pg._call("scatter", inputs, [tensor], async_op, (ReduceOp.SUM, root))


def _rooted_list(
    tensors: list[Tensor] | None, name: str, pg: ProcessGroup, root: int, role: str
) -> list[Tensor]:
    """The list of the special rank; nothing on the others, which must not give one."""
    if pg.rank() == root:
        if tensors is None:
            raise ValueError(f"Argument ``{name}`` must be specified on {role} rank.")
        _check_list(tensors, name, pg.size())
        return tensors
    if tensors:
        raise ValueError(f"Argument ``{name}`` must NOT be specified on non-{role} ranks.")
    return []


def all_to_all(
    output_tensor_list: list[Tensor],
    input_tensor_list: list[Tensor],
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Entry j of every rank's list goes to rank j.

    Args:
        output_tensor_list: outputs, one for each rank, each of the size that rank sends.
        input_tensor_list: inputs, one for each rank.
        group: the default group by default.
        async_op: whether to return at once.
    """
    pg = member_of(group, "all_to_all")
    if pg is None:
        return None
    _check_list(output_tensor_list, "output_tensor_list", pg.size())
    _check_list(input_tensor_list, "input_tensor_list", pg.size())
    return pg._call("all_to_all", input_tensor_list, output_tensor_list, async_op)


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: list[int] | None = None,
    input_split_sizes: list[int] | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """`all_to_all` of one tensor, split along its first dimension.

    Args:
        output: the parts that arrive, one after the other.
        input: the parts that leave, one after the other.
        output_split_sizes: rows that each rank sends here; equal parts by default.
        input_split_sizes: rows for each rank; equal parts by default.
        group: the default group by default.
        async_op: whether to return at once.
    """
    check_tensor(output, "output")
    check_tensor(input, "input")
    pg = member_of(group, "all_to_all_single")
    if pg is None:
        return None
    flat = _Flat(output)
    outputs = _rows(flat.memory, output_split_sizes, pg.size(), "output_split_sizes")
    inputs = _rows(_Flat(input).memory, input_split_sizes, pg.size(), "input_split_sizes")
    return _finished(pg._call("all_to_all", inputs, outputs, async_op), flat)


def _rows(tensor: Tensor, sizes: list[int] | None, count: int, name: str) -> list[Tensor]:
    rows = tensor.shape[0]
    if not sizes:
        if rows % count:
            raise RuntimeError(
                f"Tensor's dim 0 does not divide equally across group size\n  {name}"
            )
        sizes = [rows // count] * count
    if len(sizes) != count:
        raise RuntimeError(f"Number of tensor splits not equal to group size\n  {name}: {sizes}")
    if sum(sizes) != rows:
        raise RuntimeError(
            f"Split sizes doesn't match total dim 0 size\n  {name}: {sizes}, rows: {rows}"
        )
    return list(tensor.detach().split(sizes))


def barrier(
    group: ProcessGroup | None = None,
    async_op: bool = False,
    device_ids: list[int] | None = None,
    timeout: timedelta | None = None,
) -> Work | None:
    """Blocks until all ranks have come here.

    Args:
        group: the default group by default.
        async_op: whether to return at once.
        device_ids: inert.
        timeout: the group's by default.
    """
    pg = member_of(group, "barrier")
    return None if pg is None else pg._call("barrier", [], [], async_op, timeout=timeout)


def monitored_barrier(
    group: ProcessGroup | None = None,
    timeout: timedelta | None = None,
    wait_all_ranks: bool = False,
) -> None:
    """A barrier whose error names the ranks that did not come.

    Args:
        group: the default group by default.
        timeout: the group's by default.
        wait_all_ranks: inert: all missing ranks are named in any case.

    Raises:
        CollectiveTimeoutError: some rank did not come in time.
    """
    from pyrite._C import uint8, zeros

    pg = member_of(group, "monitored_barrier")
    if pg is None:
        return
    word = zeros(1, dtype=uint8)
    words = list(zeros(pg.size(), 1, dtype=uint8).unbind()) if pg.rank() == 0 else []
    pg._call("gather", [word], words, False, timeout=timeout)
    pg._call("broadcast", [], [word], False, timeout=timeout)
