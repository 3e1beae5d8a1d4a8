"""Views and pieces: transposes, added dims, rows, choices, and sparse tensors joined.

Layer L6 over `_C`. Coordinates are rearranged and values kept, so nothing is a view of memory, but
history passes through.
"""

from __future__ import annotations

from typing import Any, NoReturn

from pyrite import _C
from pyrite._C import Tensor

from .compressed import SparseCompressedTensor, SparseCscTensor, SparseCsrTensor
from .coo import SparseCooTensor, make
from .indices import compress
from .tensor import SparseTensor, handles, unsupported

__all__ = ["cat", "select", "transpose", "unsqueeze"]


def _dim(dim: int, rank: int) -> int:
    if not -rank <= dim < rank:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], "
            f"but got {dim})"
        )
    return dim % rank


@handles("permute")
def permute(input: Any, *dims: Any) -> Any:
    """Dims in another order; sparse dims stay before dense ones.

    Raises:
        RuntimeError: a sparse and a dense dim would change places.
    """
    order = list(dims[0]) if len(dims) == 1 and not isinstance(dims[0], int) else list(dims)
    order = [_dim(d, input.dim()) for d in order]
    if isinstance(input, SparseCompressedTensor):
        return input if order == [0, 1] else _exchanged(input)
    count = input.sparse_dim()
    if sorted(order) != list(range(input.dim())):
        raise RuntimeError("permute: dims must name each dim once")
    if any(d >= count for d in order[:count]):
        raise RuntimeError(
            "transpose: sparse and dense dims cannot change places; "
            f"got {count} sparse dims and the order {order}"
        )
    index = input._index[_C.tensor(order[:count], dtype=_C.int64, device=input.device)]
    values = input._value.permute(0, *(d - count + 1 for d in order[count:]))
    kept = order[:count] == list(range(count))
    shape = [input.size(d) for d in order]
    return make(index, values, shape, input._coalesced and kept)


def _exchanged(input: Any) -> Any:
    """A compressed matrix transposed: CSR becomes CSC of the same parts, and the reverse."""
    other = SparseCscTensor if isinstance(input, SparseCsrTensor) else SparseCsrTensor
    shape = tuple(reversed(input.shape))
    return other.of(input._compressed, input._plain, input._value, shape)


@handles("transpose", "swapaxes", "swapdims")
def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two dims exchanged."""
    order = list(range(input.dim()))
    a, b = _dim(dim0, input.dim()), _dim(dim1, input.dim())
    order[a], order[b] = order[b], order[a]
    count = input.sparse_dim()
    if (a < count) != (b < count):
        raise RuntimeError(
            "sparse transpose: transposed dimensions must be sparse "
            f"Got sparse_dim: {count}, d0: {a}, d1: {b}"
        )
    return permute(input, order)


@handles("transpose_", "t_")
def transpose_(input: Any, dim0: int = 0, dim1: int = 1) -> Any:
    """`transpose` in place."""
    return input.become(transpose(input, dim0, dim1))


@handles("t", "T.__get__", "H.__get__", "adjoint")
def t(input: Any) -> Any:
    """A matrix transposed."""
    if input.dim() > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got "
            f"{input.sparse_dim()} sparse and {input.dense_dim()} dense dimensions"
        )
    return transpose(input, 0, 1) if input.dim() == 2 else input


@handles("mT.__get__")
def matrix_transpose(input: Any) -> Any:
    """The last two dims exchanged."""
    return transpose(input, -2, -1)


@handles("unsqueeze")
def unsqueeze(input: Any, dim: int) -> Any:
    """A dim of size 1 added before `dim`."""
    coo: SparseCooTensor = input.to_coo()
    place = _dim(dim, coo.dim() + 1)
    shape = [*coo.shape[:place], 1, *coo.shape[place:]]
    count = coo.sparse_dim()
    if place > count:
        return make(coo._index, coo._value.unsqueeze(place - count + 1), shape, coo._coalesced)
    zeros = _C.zeros((1, coo._nnz()), dtype=_C.int64, device=coo.device)
    index = _C.cat([coo._index[:place], zeros, coo._index[place:]])
    return make(index, coo._value, shape, coo._coalesced)


@handles("select")
def select(input: Any, dim: int, index: int) -> Any:
    """One position along a dim: sparse while a sparse dim is left.

    Raises:
        IndexError: the position is out of range.
    """
    coo: SparseCooTensor = input.to_coo()
    dim = _dim(dim, coo.dim())
    size = coo.size(dim)
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for dimension {dim} with size {size}")
    index %= size
    count = coo.sparse_dim()
    shape = [n for d, n in enumerate(coo.shape) if d != dim]
    if dim >= count:
        values = coo._value.select(dim - count + 1, index)
        return make(coo._index, values, shape, coo._coalesced)
    hits = (coo._index[dim] == index).nonzero().squeeze(1)
    values = coo._value[hits]
    if count == 1:
        return values.sum(0)
    rest = _C.cat([coo._index[:dim], coo._index[dim + 1 :]])[:, hits]
    return make(rest, values, shape, coo._coalesced)


def _is_position(part: Any) -> bool:
    """Whether an index is one integer: a number, or a tensor without dims."""
    if isinstance(part, Tensor):
        whole = not (part.is_floating_point() or part.is_complex() or part.dtype == _C.bool)
        return part.dim() == 0 and whole
    return hasattr(part, "__index__") and not isinstance(part, bool)


@handles("__getitem__")
def getitem(input: Any, index: Any) -> Any:
    """Positions and new dims; ranges only where they keep everything."""
    if not isinstance(input, SparseTensor):
        unsupported("index.Tensor", "Sparse", "indices are dense tensors")
    parts = list(index) if isinstance(index, tuple) else [index]
    if sum(part is Ellipsis for part in parts) == 1:
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        named = sum(part is not None and part is not Ellipsis for part in parts)
        parts[at : at + 1] = [slice(None)] * (input.dim() - named)
    result: Any = input
    dim = 0
    for part in parts:
        if part is None:
            result, dim = unsqueeze(result, dim), dim + 1
        elif _is_position(part):
            result = result.select(dim, int(part))
        elif isinstance(part, slice) and part == slice(None):
            dim += 1
        else:
            kind = f"{input.kind}{input.device.type.upper()}"
            name = "as_strided" if isinstance(part, slice) else "index.Tensor"
            unsupported(name, kind, "use narrow_copy, index_select or .to_dense()")
    return result


@handles("__setitem__")
def setitem(input: Any, index: Any, value: Any) -> NoReturn:
    """Not for sparse tensors, in PyTorch's words."""
    if isinstance(input, SparseTensor):
        raise TypeError("Cannot assign to a sparse tensor")
    unsupported("copy_", f"{value.kind}{value.device.type.upper()}")


@handles("unbind")
def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """The positions along a dim, one by one."""
    return tuple(select(input, dim, i) for i in range(input.size(dim)))


@handles("index_select")
def index_select(input: Any, dim: int, index: Tensor) -> Any:
    """The positions along a dim that `index` names, in its order.

    Raises:
        IndexError: a position is out of range.
    """
    coo: SparseCooTensor = input.to_coo()
    dim = _dim(dim, coo.dim())
    index = index.to(_C.int64).reshape(-1)
    if index.numel() and not bool(((index >= -coo.size(dim)) & (index < coo.size(dim))).all()):
        raise IndexError(f"index_select(): index out of range for dim {dim} of {coo.size(dim)}")
    index = _C.where(index < 0, index + coo.size(dim), index)
    shape = [index.size(0) if d == dim else n for d, n in enumerate(coo.shape)]
    count = coo.sparse_dim()
    if dim >= count:
        values = coo._value.index_select(dim - count + 1, index)
        return make(coo._index, values, shape, coo._coalesced)
    source, target = _pairs(coo._index[dim], index, coo.size(dim))
    places = coo._index[:, source]
    places = _C.cat([places[:dim], target.unsqueeze(0), places[dim + 1 :]])
    return make(places, coo._value[source], shape, False)


def _pairs(have: Tensor, wanted: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """All `(i, j)` with `have[i] == wanted[j]`, by rising `j`, then `i`."""
    ordered, order = have.sort(stable=True)
    starts = compress(ordered, size)
    lengths = (starts[1:] - starts[:-1])[wanted]
    numbers = _C.arange(wanted.size(0), dtype=_C.int64, device=have.device)
    target = _C.repeat_interleave(numbers, lengths)
    first = (lengths.cumsum(0) - lengths)[target]
    within = _C.arange(target.size(0), dtype=_C.int64, device=have.device) - first
    return order[starts[wanted[target]] + within], target


@handles("narrow_copy")
def narrow_copy(input: Any, dim: int, start: int, length: int) -> Any:
    """A range of positions along a dim, copied."""
    coo: SparseCooTensor = input.to_coo()
    dim = _dim(dim, coo.dim())
    if not (0 <= start and 0 <= length and start + length <= coo.size(dim)):
        raise RuntimeError(
            f"narrow_copy(): start ({start}) + length ({length}) exceeds dimension size "
            f"({coo.size(dim)})."
        )
    shape = [length if d == dim else n for d, n in enumerate(coo.shape)]
    count = coo.sparse_dim()
    if dim >= count:
        values = coo._value.narrow(dim - count + 1, start, length)
        return make(coo._index, values, shape, coo._coalesced)
    hits = ((coo._index[dim] >= start) & (coo._index[dim] < start + length)).nonzero().squeeze(1)
    places = coo._index[:, hits]
    places = _C.cat([places[:dim], places[dim : dim + 1] - start, places[dim + 1 :]])
    return make(places, coo._value[hits], shape, coo._coalesced)


@handles("cat", "concat", "concatenate")
def cat(tensors: Any, dim: int = 0, **kwargs: Any) -> SparseCooTensor:
    """Sparse tensors joined along a dim.

    Raises:
        RuntimeError: one is dense, or sizes or sparse dims differ.
    """
    parts = list(tensors)
    for i, part in enumerate(parts):
        if not isinstance(part, SparseTensor):
            raise RuntimeError(
                f"Concatenating sparse tensors, but a dense tensor was found at position {i}."
            )
    coos = [part.to_coo() for part in parts]
    first = coos[0]
    dim = _dim(kwargs.get("axis", dim), first.dim())
    shape = list(first.shape)
    for i, coo in enumerate(coos):
        same = [n for d, n in enumerate(coo.shape) if d != dim]
        if same != [n for d, n in enumerate(shape) if d != dim]:
            raise RuntimeError(
                "All tensors must have the same shape: "
                f"{shape} (except in the concatenating dimension), but found shape: "
                f"{list(coo.shape)} at position {i}."
            )
        if coo.sparse_dim() != first.sparse_dim():
            raise RuntimeError(
                "All tensors must have the same sparse_dim and dense_dim: "
                f"{first.sparse_dim()}, {first.dense_dim()}, but tensor at position {i} has "
                f"{coo.sparse_dim()}, {coo.dense_dim()}."
            )
    shape[dim] = sum(coo.size(dim) for coo in coos)
    if dim < first.sparse_dim():
        return _cat_places(coos, dim, shape)
    return _cat_values(coos, dim, shape)


def _cat_places(coos: list[SparseCooTensor], dim: int, shape: list[int]) -> SparseCooTensor:
    places, offset = [], 0
    for coo in coos:
        index = coo._index
        places.append(_C.cat([index[:dim], index[dim : dim + 1] + offset, index[dim + 1 :]]))
        offset += coo.size(dim)
    return make(_C.cat(places, 1), _C.cat([coo._value for coo in coos]), shape, False)


def _cat_values(coos: list[SparseCooTensor], dim: int, shape: list[int]) -> SparseCooTensor:
    """Along a dense dim: each value is surrounded by the zeros of the others."""
    at, values, offset = dim - coos[0].sparse_dim() + 1, [], 0
    for coo in coos:
        whole = list(coo._value.shape)
        before, after = list(whole), list(whole)
        before[at], after[at] = offset, shape[dim] - offset - coo.size(dim)
        pad = [coo._value.new_zeros(size) for size in (before, after)]
        values.append(_C.cat([pad[0], coo._value, pad[1]], at))
        offset += coo.size(dim)
    return make(_C.cat([coo._index for coo in coos], 1), _C.cat(values), shape, False)


@handles("stack")
def stack(tensors: Any, dim: int = 0) -> SparseCooTensor:
    """Sparse tensors of one shape side by side along a new dim."""
    return cat([unsqueeze(part, dim) for part in tensors], dim)


@handles("vstack", "row_stack")
def vstack(tensors: Any) -> SparseCooTensor:
    """Sparse tensors one below the other."""
    return cat(tensors, 0)


@handles("hstack")
def hstack(tensors: Any) -> SparseCooTensor:
    """Sparse tensors one beside the other."""
    return cat(tensors, 0 if next(iter(tensors)).dim() == 1 else 1)


@handles("reshape", "flatten", "view", "view_as")
def reshape(input: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Not for sparse tensors, in PyTorch's words."""
    raise NotImplementedError(
        "reshape is not implemented for sparse tensors\n  reshape: use .to_dense() first"
    )


@handles("expand", "expand_as", "repeat", "tile")
def expand(input: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Not for sparse tensors, in PyTorch's words."""
    raise NotImplementedError(
        f"expand is unsupported for {input.kind} tensors\n  expand: use .to_dense() first"
    )
