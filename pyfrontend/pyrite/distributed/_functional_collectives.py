"""Collectives that return new tensors and leave their arguments as they are.

Layer L6. Each is the collective of `pyrite.distributed` on a fresh result; the result is complete
when the call returns, so `wait_tensor` has nothing to wait for. Those named `_autograd` record
gradients.
Groups are process groups, None for all ranks; PyTorch's meshes and lists of ranks are not built.
"""

from __future__ import annotations

from typing import Any

from pyrite import autograd
from pyrite._C import Tensor
from pyrite._doors import door_class, not_built
from pyrite.distributed import collectives
from pyrite.distributed.process_group import ProcessGroup, get_world_size
from pyrite.distributed.reduce_op import ReduceOp

__all__ = [
    "AsyncCollectiveTensor",
    "all_gather_tensor",
    "all_reduce",
    "all_to_all_single",
    "all_to_all_single_autograd",
    "broadcast",
    "reduce_scatter_tensor",
    "wait_tensor",
]

AsyncCollectiveTensor = door_class(
    "distributed._functional_collectives.AsyncCollectiveTensor", "tensors that are under way"
)


def _group(group: Any) -> ProcessGroup | None:
    if group is None or isinstance(group, ProcessGroup):
        return group
    raise not_built(f"a group given as {type(group).__name__}", "resolution of groups")


def wait_tensor(tensor: Tensor) -> Tensor:
    """The tensor once its collective is done: at once, collectives here return complete results."""
    return tensor


def all_reduce(self: Tensor, reduceOp: str, group: Any, tag: str = "") -> Tensor:
    """The tensors of all ranks, combined.

    Args:
        self: this rank's tensor.
        reduceOp: "sum", "avg", "product", "min" or "max".
        group: a process group, None for all ranks.
        tag: inert.

    Raises:
        NotImplementedError: another kind of group.
    """
    result = self.detach().clone()
    collectives.all_reduce(result, ReduceOp[reduceOp.upper()], _group(group))
    return result


def broadcast(self: Tensor, src: int, group: Any, tag: str = "") -> Tensor:
    """The tensor of rank `src`, shaped as this rank's; `tag` is inert."""
    result = self.detach().clone()
    collectives.broadcast(result, src, _group(group))
    return result


def all_gather_tensor(self: Tensor, gather_dim: int, group: Any, tag: str = "") -> Tensor:
    """The tensors of all ranks, joined along `gather_dim` in the order of ranks; `tag` is inert."""
    own = self.detach().movedim(gather_dim, 0).contiguous()
    count = get_world_size(_group(group))
    result = own.new_empty((count * own.shape[0], *own.shape[1:]))
    collectives.all_gather_into_tensor(result, own, _group(group))
    return result.movedim(0, gather_dim)


def reduce_scatter_tensor(
    self: Tensor, reduceOp: str, scatter_dim: int, group: Any, tag: str = ""
) -> Tensor:
    """This rank's part along `scatter_dim` of the tensors of all ranks, combined; `tag` is inert.

    Raises:
        AssertionError: the dimension does not divide by the number of ranks.
    """
    own = self.detach().movedim(scatter_dim, 0).contiguous()
    count = get_world_size(_group(group))
    if own.shape[0] % count:
        raise AssertionError(
            f"input dimension 0 ({self.shape[0]}) must be a multiple of group_size {count}"
        )
    result = own.new_empty((own.shape[0] // count, *own.shape[1:]))
    op = ReduceOp[reduceOp.upper()]
    collectives.reduce_scatter_tensor(result, own, op, _group(group))
    return result.movedim(0, scatter_dim)


def all_to_all_single(
    self: Tensor,
    output_split_sizes: list[int] | None,
    input_split_sizes: list[int] | None,
    group: Any,
    tag: str = "",
) -> Tensor:
    """What all ranks have for this one: rows sent by sizes, or in equal parts.

    Args:
        self: this rank's rows for rank 0, then those for rank 1, and so on.
        output_split_sizes: how many rows come from each rank; equally many where None.
        input_split_sizes: how many rows go to each rank; equally many where None.
        group: a process group, None for all ranks.
        tag: inert.
    """
    own = self.detach().contiguous()
    rows = own.shape[0] if output_split_sizes is None else sum(output_split_sizes)
    result = own.new_empty((rows, *own.shape[1:]))
    sizes = (output_split_sizes, input_split_sizes)
    collectives.all_to_all_single(result, own, *sizes, group=_group(group))
    return result


class _AllToAll(autograd.Function):
    """Rows go there and gradients come back: the same with the sizes swapped."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, received: Any, sent: Any, group: Any) -> Tensor:
        ctx.swapped = (sent, received, group)
        return all_to_all_single(tensor, received, sent, group)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return _AllToAll.apply(grads[0], *ctx.swapped), None, None, None


def all_to_all_single_autograd(
    self: Tensor,
    output_split_sizes: list[int] | None,
    input_split_sizes: list[int] | None,
    group: Any,
    tag: str = "",
) -> Tensor:
    """`all_to_all_single` with gradients."""
    result: Tensor = _AllToAll.apply(self, output_split_sizes, input_split_sizes, group)
    return result
