"""Constructors of sparse tensors, and the checks of what they are given.

Layer L6. Unlike PyTorch's default, indices are always checked: an index out of bounds would make
later operations fail far from its cause. `check_invariants` is inert for that reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyrite import _C
from pyrite._C import Tensor

from .compressed import SparseCompressedTensor, SparseCscTensor, SparseCsrTensor
from .coo import SparseCooTensor, make
from .indices import is_sorted_unique
from .tensor import SparseTensor

__all__ = ["sparse_coo_tensor", "sparse_csc_tensor", "sparse_csr_tensor"]


def sparse_coo_tensor(
    indices: Any = None,
    values: Any = None,
    size: Any = None,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> SparseCooTensor:
    """A sparse tensor by coordinates.

    Args:
        indices: integers, `(sparse_dim, nnz)`; alone, it is the size of an empty tensor.
        values: `(nnz, *dense sizes)`; shared, not copied, if it is such a tensor.
        size: sparse sizes, then dense sizes; by default as small as the indices allow.
        dtype: that of the values by default.
        layout: `sparse_coo` or None.
        device: where `values` are by default.
        pin_memory: inert.
        requires_grad: whether it is a leaf that gets a (sparse) gradient.
        check_invariants: inert, see above.
        is_coalesced: says that places are named once each, in order.

    Raises:
        RuntimeError: parts do not fit together, or an index is out of bounds.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.sparse_coo_tensor.html

    Example:
        >>> pyrite.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3)).to_dense()
        tensor([[0., 0., 3.],
                [4., 0., 0.]])
    """
    if values is None:
        shape = size if indices is None else indices
        return _empty(shape, dtype, device, requires_grad)
    value = _values_of(values, dtype, device, requires_grad)
    index = _index_of(indices, value.device)
    if value.dim() == 0:
        value = value.view(1)
    if index.dim() != 2:
        raise RuntimeError(
            f"indices must be sparse_dim x nnz, but got: [{', '.join(map(str, index.shape))}]"
        )
    shape = _inferred(index, value) if size is None else _as_size(size)
    _check_coo(index, value, shape)
    made = make(index, value, shape, index.size(1) == 0, _NODE)
    if is_coalesced and not is_sorted_unique(made.numbers()):
        raise RuntimeError(
            "cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor"
        )
    return made._coalesced_(bool(is_coalesced) or made._coalesced)


_NODE = "sparse_coo_tensor_with_dims_and_tensors"


def _empty(size: Any, dtype: Any, device: Any, requires_grad: bool) -> SparseCooTensor:
    shape = _as_size(size)
    value = _C.empty(0, dtype=dtype, device=device, requires_grad=requires_grad)
    index = _C.empty((len(shape), 0), dtype=_C.int64, device=value.device)
    return make(index, value, shape, True)


def _as_size(size: Any) -> tuple[int, ...]:
    shape = (size,) if isinstance(size, int) else tuple(int(n) for n in size)
    for n in shape:
        if n < 0:
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {n}: {list(shape)}"
            )
    return shape


def _values_of(values: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    """The values as a tensor that is their only holder of history."""
    if isinstance(values, SparseTensor):
        raise RuntimeError(f"expected values to be a strided tensor, but got {values.layout}")
    if not isinstance(values, Tensor):
        values = _C.tensor(values, dtype=dtype, device=device)
    value: Tensor = values.to(device=device, dtype=dtype)
    if requires_grad or not (value.requires_grad and _C.is_grad_enabled()):
        return value.detach().requires_grad_(requires_grad)
    return value.view_as(value)


def _index_of(indices: Any, device: Any) -> Tensor:
    if not isinstance(indices, Tensor):
        indices = _C.tensor(indices, device=device)
    index: Tensor = indices.detach().to(device=device, dtype=_C.int64)
    return index


def _inferred(index: Tensor, value: Tensor) -> tuple[int, ...]:
    """The smallest shape that holds the indices."""
    dense = tuple(value.shape[1:])
    if not index.size(1):
        return (0,) * index.size(0) + dense
    for dim, least in enumerate(index.amin(1).tolist() if index.size(0) else []):
        if least < 0:
            raise RuntimeError(f"found negative index {least} for dim {dim}")
    return (*((index.amax(1) + 1).tolist() if index.size(0) else ()), *dense)


def _check_coo(index: Tensor, value: Tensor, shape: Sequence[int]) -> None:
    sparse_dim, dense_dim = index.size(0), value.dim() - 1
    if len(shape) != sparse_dim + dense_dim:
        raise RuntimeError(
            "'len(size) == sparse_dim + dense_dim' is not satisfied: "
            f"len(size) = {len(shape)}, sparse_dim = {sparse_dim}, dense_dim = {dense_dim}"
        )
    if index.size(1) != value.size(0):
        raise RuntimeError(
            "indices and values must have same nnz, but got nnz from indices: "
            f"{index.size(1)}, nnz from values: {value.size(0)}"
        )
    if tuple(value.shape[1:]) != tuple(shape[sparse_dim:]):
        expected = [value.size(0), *shape[sparse_dim:]]
        raise RuntimeError(
            f"values has incorrect size, expected {expected}, got {list(value.shape)}"
        )
    if not index.numel():
        return
    for dim, (least, most) in enumerate(
        zip(index.amin(1).tolist(), index.amax(1).tolist(), strict=True)
    ):
        if least < 0:
            raise RuntimeError(f"found negative index {least} for dim {dim}")
        if most >= shape[dim]:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {dim}, size is {shape[dim]} "
                f"but found index {most}"
            )


def _sparse_compressed(
    cls: type[SparseCompressedTensor],
    compressed: Any,
    plain: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Any:
    value = _values_of(values, dtype, device, requires_grad)
    starts, places = (_compressed_index(part, value.device) for part in (compressed, plain))
    if value.dim() != 1 or starts.dim() != 1 or places.dim() != 1:
        raise NotImplementedError(
            f"sparse_{cls.kind[6:].lower()}_tensor: batches and dense dims are not available; got "
            f"values of shape {list(value.shape)}"
        )
    if size is None:
        count = starts.size(0) - 1
        other = int(places.max().item()) + 1 if places.numel() else 0
        size = (count, other) if cls._dim == 0 else (other, count)
    shape = _as_size(size)
    _check_compressed(cls, starts, places, value, shape)
    made = cls.of(starts, places, value, shape)
    made._node = "SparseCompressedTensorBackward0"
    return made


def _compressed_index(part: Any, device: Any) -> Tensor:
    if not isinstance(part, Tensor):
        part = _C.tensor(part, device=device)
    part = part.detach().to(device=device)
    made: Tensor = part if part.dtype in (_C.int32, _C.int64) else part.to(_C.int64)
    return made


def _check_compressed(
    cls: type[SparseCompressedTensor],
    starts: Tensor,
    places: Tensor,
    value: Tensor,
    shape: Sequence[int],
) -> None:
    c, p, rows, columns = (
        ("crow", "col", "rows", "ncols") if cls._dim == 0 else ("ccol", "row", "columns", "nrows")
    )
    if len(shape) != 2:
        raise RuntimeError(
            "torch.empty: Only batched sparse compressed (non-block) tensors are supported, but "
            f"got size {list(shape)}"
        )
    count, limit, nnz = shape[cls._dim], shape[1 - cls._dim], value.size(0)
    if starts.size(0) != count + 1:
        raise RuntimeError(
            f"{c}_indices.shape[-1] must be equal to the number of {rows} + 1 (={count + 1}), "
            f"but got {starts.size(0)}"
        )
    if places.size(0) != nnz:
        raise RuntimeError(
            f"{p}_indices.shape[-1] must be equal to nnz (={nnz}) as defined by values.shape[0], "
            f"but got {places.size(0)}"
        )
    if starts[0].item() != 0:
        raise RuntimeError(f"`{c}_indices[..., 0] == 0` is not satisfied.")
    if starts[-1].item() != nnz:
        raise RuntimeError(f"`{c}_indices[..., -1] == nnz` is not satisfied.")
    lengths = starts[1:] - starts[:-1]
    if count and not bool(((lengths >= 0) & (lengths <= limit)).all().item()):
        raise RuntimeError(
            f"`0 <= {c}_indices[..., 1:] - {c}_indices[..., :-1] <= {columns}` is not satisfied."
        )
    if nnz and not bool(((places >= 0) & (places < limit)).all().item()):
        raise RuntimeError(f"`0 <= {p}_indices < {columns}` is not satisfied.")
    _check_order(c, p, f"n{rows}" if cls._dim == 0 else "ncols", starts, places, limit)


def _check_order(c: str, p: str, rows: str, starts: Tensor, places: Tensor, limit: int) -> None:
    """Within each row, columns must rise."""
    lengths = (starts[1:] - starts[:-1]).to(_C.int64)
    numbers = _C.arange(lengths.size(0), dtype=_C.int64, device=places.device)
    whole = _C.repeat_interleave(numbers, lengths) * limit + places
    if whole.size(0) > 1 and not bool((whole[1:] > whole[:-1]).all().item()):
        raise RuntimeError(
            f"`{p}_indices[..., {c}_indices[..., i - 1]:{c}_indices[..., i]] for all i = 1, ..., "
            f"{rows} are sorted and distinct along the last dimension values` is not satisfied."
        )


def sparse_csr_tensor(
    crow_indices: Any, col_indices: Any, values: Any, size: Any = None, **options: Any
) -> SparseCsrTensor:
    """A sparse matrix with compressed rows.

    Args:
        crow_indices: where each row starts among the values, `(rows + 1)`, int32 or int64.
        col_indices: the column of each value, `(nnz)`, rising within each row.
        values: `(nnz)`.
        size: rows and columns; by default as small as the indices allow.
        options: dtype, device, requires_grad, as `sparse_coo_tensor` takes them.

    Raises:
        RuntimeError: parts do not fit together.
        NotImplementedError: batches or dense dims.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.sparse_csr_tensor.html
    """
    made: SparseCsrTensor = _sparse_compressed(
        SparseCsrTensor, crow_indices, col_indices, values, size, **options
    )
    return made


def sparse_csc_tensor(
    ccol_indices: Any, row_indices: Any, values: Any, size: Any = None, **options: Any
) -> SparseCscTensor:
    """A sparse matrix with compressed columns; see `sparse_csr_tensor`."""
    made: SparseCscTensor = _sparse_compressed(
        SparseCscTensor, ccol_indices, row_indices, values, size, **options
    )
    return made
