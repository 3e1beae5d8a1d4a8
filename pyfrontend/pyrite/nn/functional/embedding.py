"""Table look-ups as functions (L6 over `_C`): embedding, embedding_bag, one_hot.

The index tensor comes first and the table second, as in PyTorch; the native operators take the
table first. `max_norm` rescales the used rows of the table in place, outside the graph.
`one_hot(tensor, num_classes=-1)`: `(*) -> (*, classes)`, int64.
"""

from __future__ import annotations

import warnings

from pyrite import _C
from pyrite._C import Tensor, one_hot
from pyrite.overrides import overridable

__all__ = ["embedding", "embedding_bag", "one_hot"]

_BAG_MODES = {"sum": 0, "mean": 1, "max": 2}


@overridable
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Pick rows of a table.

    Args:
        input: int32 or int64 indices, `(*)`.
        weight: the table, `(rows, features)`.
        padding_idx: this row receives no gradient; negative counts from the end.
        max_norm: rows of larger norm are first scaled down to it, in place.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide each row's gradient by its number of uses.
        sparse: make the gradient of the table a sparse tensor of the rows used.

    Returns:
        `(*, features)`.

    Raises:
        AssertionError: if `padding_idx` is not a row.
        IndexError: if an index is not a row.
        RuntimeError: if `sparse` meets `scale_grad_by_freq`.
    """
    if padding_idx is None:
        padding_idx = -1
    elif not -weight.size(0) <= padding_idx < max(weight.size(0), 1):
        raise AssertionError("Padding_idx must be within num_embeddings")
    elif padding_idx < 0:
        padding_idx += weight.size(0)
    if max_norm is not None:
        input = input.contiguous()
        _C.embedding_renorm_(weight.detach(), input, max_norm, norm_type)
    if sparse and weight.requires_grad and _C.is_grad_enabled():
        from pyrite.sparse.embedding import embedding as sparse_embedding

        return sparse_embedding(weight, input, padding_idx, scale_grad_by_freq)
    return _C.embedding(weight, input, padding_idx, scale_grad_by_freq)


_OLD_ORDER = (
    "Argument order of nn.functional.embedding_bag was changed. "
    "Usage `embedding_bag(weight, input, ...)` is deprecated, "
    "and should now be `embedding_bag(input, weight, ...)`."
)


@overridable
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sum, average or maximise bags of table rows without storing the rows.

    Args:
        input: indices, `(bags, length)`, or `(total)` with `offsets`.
        weight: the table, `(rows, features)`.
        offsets: start of each bag in a 1-D input, `(bags)`.
        max_norm: see `embedding`.
        norm_type: see `embedding`.
        scale_grad_by_freq: see `embedding`; not for mode "max".
        mode: "sum", "mean" or "max".
        sparse: see `embedding`; not for mode "max".
        per_sample_weights: factors shaped as `input`; only for mode "sum".
        include_last_offset: `offsets` ends with the total length.
        padding_idx: rows of this index count in no bag.

    Returns:
        `(bags, features)`.

    Raises:
        ValueError: if shapes or modes do not fit together.
    """
    if weight.dtype == _C.int64 and input.is_floating_point():
        warnings.warn(_OLD_ORDER, stacklevel=2)
        weight, input = input, weight
    _check_bags(input, weight, per_sample_weights)
    if input.dim() == 2:
        offsets = _row_offsets(input, offsets)
        include_last_offset = False
        input = input.reshape(-1)
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
    else:
        offsets = _flat_offsets(input, offsets)
    mode_number = _bag_mode(mode, scale_grad_by_freq, sparse, per_sample_weights is not None)
    if max_norm is not None:
        _C.embedding_renorm_(weight.detach(), input, max_norm, norm_type)
    if sparse and weight.requires_grad and _C.is_grad_enabled():
        from pyrite.sparse.embedding import embedding_bag as sparse_bags

        return sparse_bags(
            weight,
            input,
            offsets,
            per_sample_weights,
            by_frequency=scale_grad_by_freq,
            is_mean=mode == "mean",
            include_last=include_last_offset,
            padding=padding_idx,
        )
    bags, _, _, _ = _C.embedding_bag(
        weight,
        input,
        offsets,
        scale_grad_by_freq,
        mode_number,
        False,
        per_sample_weights,
        include_last_offset,
        padding_idx,
    )
    return bags


def _check_bags(input: Tensor, weight: Tensor, per_sample_weights: Tensor | None) -> None:
    if per_sample_weights is not None and input.size() != per_sample_weights.size():
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, "
            f"then it must have the same shape as the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(
            f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}"
        )


def _row_offsets(input: Tensor, offsets: Tensor | None) -> Tensor:
    """Start of every row of a 2-D input once flattened: `(bags, length) -> (bags)`."""
    if offsets is not None:
        raise ValueError(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
            f"fixed length sequences. However, found offsets of type {type(offsets)}"
        )
    return _C.arange(0, input.numel(), input.size(1), dtype=input.dtype, device=input.device)


def _flat_offsets(input: Tensor, offsets: Tensor | None) -> Tensor:
    """Start of every bag of a 1-D input, once checked."""
    if input.dim() != 1:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        )
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    return offsets


def _bag_mode(mode: str, scale_grad_by_freq: bool, sparse: bool, weighted: bool) -> int:
    if mode not in _BAG_MODES:
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if weighted and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only "
            f"supported for mode='sum' (got mode='{mode}'). "
            "Please open a feature request on GitHub."
        )
    return _BAG_MODES[mode]
