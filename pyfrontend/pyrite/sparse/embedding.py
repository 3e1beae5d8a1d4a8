"""Table look-ups whose gradient by the table is sparse: the rows that were used.

Layer L6 over `_C`: an `autograd.Function` returns the sparse gradient, which the tape carries to
the table. Its rows are those looked up, in that order and as often, but for the padding row.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite.autograd.function import Function

from .coo import SparseCooTensor, make

__all__ = ["embedding", "embedding_bag"]


def _row_gradient(rows: Tensor, values: Tensor, padding: int, count: int) -> SparseCooTensor:
    """`(n), (n, features) ->` the gradient `(count, features)` of a table."""
    rows = rows.to(_C.int64)
    if padding >= 0:
        used = (rows != padding).nonzero().squeeze(1)
        rows, values = rows[used], values[used]
    return make(rows.unsqueeze(0), values, (count, values.size(1)), rows.size(0) == 0)


class _SparseEmbedding(Function):
    """`(rows, features), (*) -> (*, features)`."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, input: Tensor, padding: int) -> Tensor:
        ctx.save_for_backward(input)
        ctx.padding, ctx.count = padding, weight.size(0)
        return _C.embedding(weight, input, padding)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (input,) = ctx.saved_tensors
        values = grad.reshape(-1, grad.size(-1))
        return _row_gradient(input.reshape(-1), values, ctx.padding, ctx.count), None, None


_SparseEmbedding._backward_cls.__name__ = "EmbeddingBackward0"


def _refuse_frequency(by_frequency: bool) -> None:
    if by_frequency:
        raise RuntimeError(
            "embedding_backward: scale_grad_by_freq not supported with sparse gradients"
        )


def embedding(weight: Tensor, input: Tensor, padding: int, by_frequency: bool) -> Tensor:
    """Pick rows of a table; see `nn.functional.embedding`.

    Raises:
        RuntimeError: with `by_frequency`, which has no sparse form.
    """
    _refuse_frequency(by_frequency)
    rows: Tensor = _SparseEmbedding.apply(weight, input, padding)
    return rows


def embedding_bag(
    weight: Tensor,
    input: Tensor,
    offsets: Tensor,
    factors: Tensor | None,
    *,
    by_frequency: bool,
    is_mean: bool,
    include_last: bool,
    padding: int | None,
) -> Tensor:
    """Sum or average bags of table rows; see `nn.functional.embedding_bag`.

    Raises:
        RuntimeError: with `by_frequency`, which has no sparse form.
    """
    _refuse_frequency(by_frequency)
    count = weight.size(0)
    skipped = -1 if padding is None else padding % count
    with _C.DisableTorchFunctionSubclass():  # checks offsets, and tells the bag of each index
        _, owner, sizes, _ = _C.embedding_bag(
            weight.detach(), input, offsets, False, 0, False, None, include_last, padding
        )
    rows: Tensor = _SparseEmbedding.apply(weight, input[: owner.size(0)], skipped)
    if factors is not None:
        rows = rows * factors[: owner.size(0)].unsqueeze(1)
    if skipped >= 0:
        rows = _C.where((input[: owner.size(0)] == skipped).unsqueeze(1), 0.0, rows)
    zeros = _C.zeros((sizes.size(0), weight.size(1)), dtype=weight.dtype, device=weight.device)
    sums = zeros.index_add(0, owner, rows)
    return sums / sizes.clamp(min=1).to(weight.dtype).unsqueeze(1) if is_mean else sums
