"""Sums, norms and softmax of sparse tensors.

Layer L6 over `_C`. A sum over sparse dims drops those coordinates and adds what falls together;
softmax takes what is not stored as minus infinity, so that it stays not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite.functional import unique

from .coo import SparseCooTensor, add_rows, make
from .indices import flatten
from .shape import unsqueeze
from .tensor import SparseTensor, handles, unsupported

__all__ = ["log_softmax", "softmax", "sum"]


def _dims(dim: Any, rank: int) -> list[int]:
    """The dims meant, counted from the start, each once."""
    listed = [dim] if isinstance(dim, int) else list(dim)
    for d in listed:
        if not -rank <= d < max(rank, 1):
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], "
                f"but got {d})"
            )
    found = [d % rank for d in listed]
    if len(set(found)) != len(found):
        raise RuntimeError("dim appears multiple times in the list of dims")
    return sorted(found)


def sum(
    input: Any, dim: int | Sequence[int] | None = None, dtype: _C.dtype | None = None
) -> Tensor:
    """The sum over some or all dims of a sparse tensor.

    Args:
        input: by coordinates.
        dim: which dims; all by default.
        dtype: cast to first.

    Returns:
        Sparse while a sparse dim is left, else dense.

    Raises:
        RuntimeError: `input` has another layout.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.sparse.sum.html
    """
    if not isinstance(input, SparseCooTensor):
        kind = input.kind if isinstance(input, SparseTensor) else "Strided"
        raise RuntimeError(f"coalesce expected sparse coordinate tensor layout but got {kind}")
    result: Tensor = _sum(input, dim, False, dtype)
    return result


@handles("sum")
def _sum(input: Any, dim: Any = None, keepdim: bool = False, dtype: _C.dtype | None = None) -> Any:
    """`sum` with `keepdim`, for every layout."""
    coo: SparseCooTensor = input.to_coo()
    if dim is None or (not isinstance(dim, int) and not list(dim)):
        return coo._value.sum(dtype=dtype)
    dims = _dims(dim, coo.dim())
    result = _sum_over(coo, dims, dtype)
    if not keepdim:
        return result
    for d in dims:
        result = unsqueeze(result, d) if isinstance(result, SparseTensor) else result.unsqueeze(d)
    return input.from_coo(result) if isinstance(result, SparseCooTensor) else result


def _sum_over(coo: SparseCooTensor, dims: list[int], dtype: Any) -> Any:
    count = coo.sparse_dim()
    values = coo._value
    dense = [d - count + 1 for d in dims if d >= count]
    values = values.sum(dense, dtype=dtype) if dense else values
    if dtype is not None:
        values = values.to(dtype)
    gone = [d for d in dims if d < count]
    shape = [size for d, size in enumerate(coo.shape) if d not in dims]
    if not gone:
        return make(coo._index, values, shape, coo._coalesced)
    if len(gone) == count:
        return values.sum(0)
    kept = [d for d in range(count) if d not in gone]
    places = coo._index[_C.tensor(kept, device=coo.device)]
    return make(places, values, shape, False).coalesce()


@handles("norm", "linalg_vector_norm", "linalg_norm", "vector_norm")
def norm(
    input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, *rest: Any, **kwargs: Any
) -> Tensor:
    """The norm of all elements.

    Raises:
        RuntimeError: of some dims only.
    """
    p = kwargs.pop("ord", p)
    if dim is not None and len([dim] if isinstance(dim, int) else list(dim)) not in (
        0,
        input.dim(),
    ):
        raise RuntimeError(
            "norm_sparse currently only supports full reductions, so 'dim' must either be empty "
            "or contain all dimensions of the input"
        )
    whole = input.coalesce() if isinstance(input, SparseCooTensor) else input
    order = 2 if p in ("fro", None) else p
    return _C.linalg_vector_norm(whole._value, order)


@handles("any")
def any_(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether an element is not zero."""
    if dim is not None:
        unsupported("any.dim", f"{input.kind}{input.device.type.upper()}")
    result: Tensor = input._value.any()
    return result


@handles("__bool__", "is_nonzero")
def bool_(input: Any) -> bool:
    """Whether the only element is not zero."""
    if input.numel() != 1:
        text = "Boolean value of Tensor with {} is ambiguous"
        raise RuntimeError(text.format("no values" if not input.numel() else "more than one value"))
    return bool(input.to_dense().item())


@handles("item", "__int__", "__float__", "__index__", "__complex__")
def item(input: Any) -> Any:
    """The element of a tensor that has one."""
    if input.numel() != 1:
        raise RuntimeError(f"a Tensor with {input.numel()} elements cannot be converted to Scalar")
    return input.to_dense().item()


@handles("_sparse_softmax")
def softmax(input: Any, dim: int, *, dtype: _C.dtype | None = None) -> SparseCooTensor:
    """Softmax over the stored elements along a dim; what is not stored counts as `-inf`.

    Args:
        input: by coordinates.
        dim: along which.
        dtype: cast to first.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.sparse.softmax.html
    """
    return _normalised(input, dim, dtype, "softmax")


@handles("_sparse_log_softmax")
def log_softmax(input: Any, dim: int, *, dtype: _C.dtype | None = None) -> SparseCooTensor:
    """The logarithm of `softmax`."""
    return _normalised(input, dim, dtype, "log_softmax")


def _normalised(input: Any, dim: int, dtype: Any, kind: str) -> SparseCooTensor:
    if not isinstance(input, SparseCooTensor):
        layout = input.kind if isinstance(input, SparseTensor) else ""
        unsupported(f"_sparse_{kind}", f"{layout}{input.device.type.upper()}", "use .to_sparse()")
    coo: Any = (input if dtype is None else input.to(dtype)).coalesce()
    (dim,) = _dims(dim, coo.dim())
    if not coo.is_floating_point():
        raise NotImplementedError(
            f"\"{kind}\" not implemented for '{str(coo._value.type())[6:-6]}'"
        )
    made: SparseCooTensor
    if dim >= coo.sparse_dim():
        function = getattr(_C, kind)
        made = coo.with_values(function(coo._value, dim - coo.sparse_dim() + 1))
    else:
        made = coo.with_values(_along_places(coo, dim, kind == "log_softmax"))
    made._node = f"Sparse{'Log' if kind == 'log_softmax' else ''}SoftmaxBackward0"
    return made


def _along_places(coo: SparseCooTensor, dim: int, log: bool) -> Tensor:
    """The stored values, normalised over those that agree in all coordinates but `dim`."""
    values = coo._value
    if not values.numel():
        return values
    others = [d for d in range(coo.sparse_dim()) if d != dim]
    if others:
        numbers = flatten(
            coo._index[_C.tensor(others, device=coo.device)], [coo.sparse_shape[d] for d in others]
        )
        groups, owner = unique(numbers, return_inverse=True)
        count = groups.size(0)
    else:
        owner, count = _C.zeros(coo._nnz(), dtype=_C.int64, device=coo.device), 1
    spread = owner.view(-1, *(1,) * (values.dim() - 1)).expand(values.shape)
    lowest = _C.full((count, *values.shape[1:]), float("-inf"), dtype=values.dtype)
    highest = lowest.to(coo.device).scatter_reduce(0, spread, values.detach(), "amax")
    shifted = values - highest[owner]
    weights = shifted.exp()
    totals = add_rows(weights, owner, count)[owner]
    return shifted - totals.log() if log else weights / totals
