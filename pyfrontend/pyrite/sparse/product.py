"""Products of matrices of which one at least is sparse.

Layer L6 over `_C`. With coordinates `(r, c)` and values `v` of a sparse `A`, row `r` of `A @ B`
collects `v * B[c]`: one gather, one product, one `index_add`. The derivative by the values is the
inner product of the rows that met, so the gradient of a sparse matrix has that matrix's places.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite.autograd.function import Function
from pyrite.functional import unique

from .arithmetic import add, mul
from .compressed import transposed
from .coo import SparseCooTensor, make
from .indices import compress
from .tensor import SparseTensor, handles

__all__ = ["addmm", "hspmm", "matmul", "mm", "smm", "sspaddmm"]

_BLOCK = 2**20  # elements gathered at once


class _SparseMm(Function):
    """`(nnz), (m, k) -> (n, k)`: rows of a dense matrix, weighted and collected."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, rows: Tensor, columns: Tensor, count: int, dense: Tensor
    ) -> Tensor:
        ctx.save_for_backward(values, rows, columns, dense)
        return _collect(values, rows, columns, count, dense)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None, None, Tensor | None]:
        values, rows, columns, dense = ctx.saved_tensors
        to_values = to_dense = None
        if ctx.needs_input_grad[0]:
            to_values = _inner_products(grad, rows, dense.conj(), columns)
        if ctx.needs_input_grad[4]:
            to_dense = _SparseMm.apply(values.conj(), columns, rows, dense.size(0), grad)
        return to_values, None, None, None, to_dense


def _collect(values: Tensor, rows: Tensor, columns: Tensor, count: int, dense: Tensor) -> Tensor:
    result = _C.zeros((count, dense.size(1)), dtype=dense.dtype, device=dense.device)
    for part in _blocks(dense, rows.size(0)):
        met = dense.index_select(0, columns[part]).mul_(values[part].unsqueeze(1))
        result.index_add_(0, rows[part], met)
    return result


def _inner_products(a: Tensor, rows: Tensor, b: Tensor, columns: Tensor) -> Tensor:
    """`a[rows[i]] . b[columns[i]]` for each i: `(n, k), (nnz), (m, k), (nnz) -> (nnz)`."""
    parts = [
        (a.index_select(0, rows[part]) * b.index_select(0, columns[part])).sum(1)
        for part in _blocks(a, rows.size(0))
    ]
    return parts[0] if len(parts) == 1 else _C.cat(parts)


def _blocks(dense: Tensor, count: int) -> list[slice]:
    """Parts of the places, on the CPU so small that what is gathered for one stays in its cache.

    Measured on a shared 2-core Xeon with 400,000 places and rows of 64: 189 ms whole, 70 ms in
    blocks of a million elements; PyTorch 2.13.0 took 88 ms.
    """
    step = max(1, _BLOCK // max(dense.size(1), 1)) if dense.device.type == "cpu" else count
    return [slice(start, start + step) for start in range(0, max(count, 1), max(step, 1))]


def _same_dtype(a: Tensor, b: Tensor, text: str) -> None:
    if a.dtype is not b.dtype:
        raise RuntimeError(text.format(*(str(x.type())[6:-6] for x in (a, b))))


def _sparse_dense(a: SparseCooTensor, dense: Tensor) -> Tensor:
    """`(n, m) @ (m, k) -> (n, k)`."""
    _same_dtype(a._value, dense, "expected scalar type {} but found {}")
    rows, columns = a._index[0], a._index[1]
    product: Tensor = _SparseMm.apply(a._value, rows, columns, a.size(0), dense)
    return product


def _sparse_sparse(a: SparseCooTensor, b: SparseCooTensor) -> SparseCooTensor:
    """`(n, m) @ (m, k) -> (n, k)`, coalesced: each element of `a` meets a row of `b`."""
    _same_dtype(a._value, b._value, "mat1 dtype {} does not match mat2 dtype {}")
    a, b = a.coalesce(), b.coalesce()
    starts = compress(b._index[0], b.size(0))
    lengths = (starts[1:] - starts[:-1])[a._index[1]]
    first = lengths.cumsum(0) - lengths
    numbers = _C.arange(a._nnz(), dtype=_C.int64, device=a.device)
    left = _C.repeat_interleave(numbers, lengths)
    right = _C.arange(left.size(0), dtype=_C.int64, device=a.device) - first[left]
    right = right + starts[a._index[1][left]]
    places = _C.stack([a._index[0][left], b._index[1][right]])
    values = a._value[left] * b._value[right]
    return make(places, values, (a.size(0), b.size(1)), False).coalesce()


def _check_matrices(a: Any, b: Any) -> None:
    for name, matrix in (("self", a), ("mat2", b)):
        if matrix.dim() != 2:
            raise RuntimeError(f"{name} must be a matrix")
        if isinstance(matrix, SparseTensor) and matrix.dense_dim():
            raise RuntimeError(
                f"mm: a sparse matrix has two sparse dims; got {matrix.sparse_dim()} sparse and "
                f"{matrix.dense_dim()} dense dims"
            )
    if a.size(1) != b.size(0):
        if isinstance(a, SparseCooTensor) and not isinstance(b, SparseTensor):
            raise RuntimeError(
                f"addmm: Argument #3 (dense): Expected dim 0 size {a.size(1)}, got {b.size(0)}"
            )
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied "
            f"({a.size(0)}x{a.size(1)} and {b.size(0)}x{b.size(1)})"
        )


@handles("mm", "spmm", "_sparse_mm")
def mm(input: Any, mat2: Any, reduce: str | None = None) -> Any:
    """The product of two matrices: sparse if both are, else dense.

    Args:
        input: `(n, m)`.
        mat2: `(m, k)`.
        reduce: what happens to the products that meet in an element, for a sparse `input` and a
            dense `mat2`: "sum" (the default), "mean", "amax" or "amin".

    Raises:
        RuntimeError: sizes do not fit, or dtypes differ.
        NotImplementedError: another `reduce`, or operands it is not for.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.sparse.mm.html
    """
    _check_matrices(input, mat2)
    if reduce not in (None, "sum"):
        return _reduced(input, mat2, reduce)
    if isinstance(input, SparseTensor) and isinstance(mat2, SparseTensor):
        return input.from_coo(_sparse_sparse(input.to_coo(), mat2.to_coo()))
    if isinstance(input, SparseTensor):
        return _sparse_dense(input.to_coo(), mat2)
    return _sparse_dense(transposed(mat2.to_coo()), input.t()).t()


def _reduced(input: Any, mat2: Any, reduce: str) -> Tensor:
    """`mm` with means or extremes of the products instead of sums; empty rows are zero."""
    matched = isinstance(input, SparseTensor) and not isinstance(mat2, SparseTensor)
    if reduce not in ("mean", "amax", "amin") or not matched:
        raise NotImplementedError(
            f"sparse.mm: reduce={reduce!r} of {input.layout} and {mat2.layout} is not available"
        )
    coo = input.to_coo().coalesce()
    rows = coo._index[0]
    if reduce == "mean":
        counts = compress(rows, coo.size(0))
        counts = (counts[1:] - counts[:-1]).clamp(min=1).to(mat2.dtype)
        return _sparse_dense(coo, mat2) / counts.unsqueeze(1)
    met = mat2.index_select(0, coo._index[1]) * coo._value.unsqueeze(1)
    zeros = _C.zeros((coo.size(0), mat2.size(1)), dtype=mat2.dtype, device=mat2.device)
    owner = rows.unsqueeze(1).expand(met.shape)
    return zeros.scatter_reduce(0, owner, met, reduce, include_self=False)


@handles("mv")
def mv(input: Any, vec: Tensor) -> Tensor:
    """A matrix times a vector: `(n, m) @ (m) -> (n)`.

    Raises:
        RuntimeError: sizes do not fit.
    """
    if not isinstance(input, SparseTensor) or input.dim() != 2 or vec.dim() != 1:
        raise RuntimeError("mv: expected a sparse matrix and a dense vector")
    if input.size(1) != vec.size(0):
        raise RuntimeError("mv: expected self.size(-1) == vec.size(-1)")
    product: Tensor = mm(input, vec.unsqueeze(1)).squeeze(1)
    return product


@handles("bmm")
def bmm(input: Any, mat2: Any) -> Tensor:
    """`(b, n, m) @ (b, m, k) -> (b, n, k)` of a sparse and a dense batch of matrices.

    Raises:
        RuntimeError: sizes do not fit.
    """
    if not isinstance(input, SparseTensor) or isinstance(mat2, SparseTensor):
        raise NotImplementedError("bmm: only a sparse batch times a dense one is available")
    coo = input.to_coo()
    if coo.sparse_dim() != 3 or mat2.dim() != 3 or coo.size(0) != mat2.size(0):
        raise RuntimeError(
            f"bmm: expected two batches of as many matrices; got {list(coo.shape)} and "
            f"{list(mat2.shape)}"
        )
    count, rows, columns = coo.shape
    if columns != mat2.size(1):
        raise RuntimeError(f"bmm: cannot multiply {list(coo.shape)} and {list(mat2.shape)}")
    batch, r, c = coo._index.unbind(0)
    places = _C.stack([batch * rows + r, batch * columns + c])
    blocks = make(places, coo._value, (count * rows, count * columns), False)
    return _sparse_dense(blocks, mat2.flatten(0, 1)).view(count, rows, -1)


@handles("matmul", "__matmul__")
def matmul(input: Any, other: Any) -> Any:
    """`input @ other` for matrices, vectors on the right, and batches."""
    dims = (input.dim(), other.dim())
    if dims == (2, 2):
        return mm(input, other)
    if dims == (2, 1):
        return mv(input, other)
    if dims == (3, 3):
        return bmm(input, other)
    if dims == (1, 2) and isinstance(other, SparseTensor):
        return mm(input.unsqueeze(0), other).squeeze(0)
    raise NotImplementedError(
        f"matmul: not available for sparse operands of {dims[0]} and {dims[1]} dims; "
        "use .to_dense() first"
    )


@handles("__rmatmul__")
def rmatmul(input: Any, other: Any) -> Any:
    """`other @ input`."""
    return matmul(other, input)


@handles("addmm", "_sparse_addmm")
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """`beta * input + alpha * mat1 @ mat2`."""
    product = mm(mat1, mat2)
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product
    start = input if beta == 1 else input * beta
    if isinstance(start, SparseTensor) or isinstance(product, SparseTensor):
        return add(start, product)
    return start + product


@handles("addmv")
def addmv(input: Tensor, mat: Any, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """`beta * input + alpha * mat @ vec`."""
    return beta * input + alpha * mv(mat, vec)


@handles("linear")
def linear(input: Any, weight: Any, bias: Tensor | None = None) -> Any:
    """`input @ weight.T + bias` of a matrix of sparse features."""
    product = matmul(input, weight.t())
    return product if bias is None else product + bias


@handles("smm")
def smm(input: Any, mat2: Tensor) -> SparseCooTensor:
    """`input @ mat2` of a sparse and a dense matrix, as a sparse one."""
    return _full(mm(input, mat2), input.to_coo(), 1)


def _full(product: Tensor, start: SparseCooTensor, alpha: Any) -> SparseCooTensor:
    """The rows of `product` in which the sparse operand has elements, all columns named."""
    rows = unique(start._index[0])
    width = product.size(1)
    columns = _C.arange(width, dtype=_C.int64, device=product.device)
    places = _C.stack([rows.repeat_interleave(width), columns.repeat(rows.size(0))])
    return make(places, product[rows].flatten() * alpha, product.shape, False)


@handles("hspmm")
def hspmm(mat1: Any, mat2: Tensor) -> SparseCooTensor:
    """`mat1 @ mat2` of a sparse and a dense matrix, as a sparse column of dense rows."""
    product = mm(mat1, mat2)
    rows = unique(mat1.to_coo()._index[0])
    return make(rows.unsqueeze(0), product[rows], product.shape, False)


@handles("sspaddmm")
def sspaddmm(input: Any, mat1: Any, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """`beta * input + alpha * mat1 @ mat2` of a sparse `input` and `mat1`, sparse."""
    product = _full(mm(mat1, mat2), mat1.to_coo(), alpha)
    return add(mul(input, beta), product)


def sampled_addmm(
    input: Any, mat1: Tensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0
) -> Any:
    """`beta * input + alpha * (mat1 @ mat2)` at the places of a sparse `input` only.

    Only rows and columns that meet at a place are multiplied.

    Args:
        input: sparse, `(n, m)`.
        mat1: `(n, k)`.
        mat2: `(k, m)`.
        beta: factor of `input`.
        alpha: factor of the product.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.sparse.sampled_addmm.html
    """
    shape = (mat1.size(0), mat2.size(1))
    if mat1.size(1) != mat2.size(0) or tuple(input.shape) != shape:
        raise RuntimeError(
            f"sampled_addmm: expected shapes (n, m), (n, k) and (k, m); got {list(input.shape)}, "
            f"{list(mat1.shape)} and {list(mat2.shape)}"
        )
    coo = input.to_coo()
    rows, columns = coo._index[0], coo._index[1]
    met = _inner_products(mat1, rows, mat2.t(), columns)
    return input.with_values(coo._value * beta + met * alpha)
