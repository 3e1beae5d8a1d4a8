"""Sparse matrices with compressed rows (CSR) or columns (CSC).

Layer L6. Of a matrix with `n` rows, `crow_indices` `(n + 1)` tells where each row starts among the
`col_indices` and `values` `(nnz)`; CSC says the same with rows and columns exchanged. Work is done
on the coordinates, which are computed when they are needed first and kept.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from pyrite import _C
from pyrite._C import Tensor
from pyrite._layouts import sparse_csc, sparse_csr

from .coo import SparseCooTensor, make
from .indices import compress
from .tensor import SparseTensor, node_name

__all__ = ["SparseCompressedTensor", "SparseCscTensor", "SparseCsrTensor"]


class SparseCompressedTensor(SparseTensor):
    """What CSR and CSC share; `_dim` is the dim whose places are compressed."""

    is_sparse: ClassVar[bool] = False
    _dim: ClassVar[int]
    _compressed: Tensor
    _plain: Tensor
    _coo: SparseCooTensor | None = None

    @classmethod
    def of(cls, compressed: Tensor, plain: Tensor, values: Tensor, shape: Any) -> Any:
        """A matrix of checked parts."""
        made = cls._husk(shape, values)
        made._compressed, made._plain, made._value = compressed, plain, values
        return made

    @classmethod
    def of_coo(cls, coo: SparseCooTensor) -> Any:
        """The elements of a sparse matrix.

        Raises:
            RuntimeError: `coo` is no matrix of numbers.
        """
        if coo.dim() != 2 or coo.dense_dim() != 0:
            raise RuntimeError(
                f"to_sparse_{cls.kind[6:].lower()}: only matrices can be compressed; got "
                f"{coo.sparse_dim()} sparse and {coo.dense_dim()} dense dims"
            )
        turned = coo if cls._dim == 0 else transposed(coo)
        whole = turned.coalesce()
        rows, plain = whole._index[0], whole._index[1]
        starts = compress(rows, turned.size(0))
        made = cls.of(starts, plain, whole._value, coo.shape)
        made._node = node_name(f"to_sparse_{cls.kind[6:].lower()}")
        return made

    def with_values(self, values: Tensor) -> Any:
        """The same pattern with other values."""
        return self.of(self._compressed, self._plain, values, self.shape)

    def to_coo(self) -> SparseCooTensor:
        """The same elements by coordinates; those of CSR are in order."""
        if self._coo is None:
            count = self._compressed.size(0) - 1
            lengths = self._compressed[1:] - self._compressed[:-1]
            numbers = _C.arange(count, dtype=_C.int64, device=self._plain.device)
            owners = _C.repeat_interleave(numbers, lengths.to(_C.int64))
            plain = self._plain.to(_C.int64)
            pair = [owners, plain] if self._dim == 0 else [plain, owners]
            self._coo = make(_C.stack(pair), self._value, self.shape, self._dim == 0)
        return self._coo

    def from_coo(self, coo: SparseCooTensor) -> Any:
        """`coo` in this layout; one that is no matrix stays as it is."""
        return self.of_coo(coo) if coo.dim() == 2 and coo.dense_dim() == 0 else coo

    def become(self, other: Any) -> Any:
        """Take over shape and elements, in place."""
        if self.shape != other.shape or self.dtype is not other.dtype:
            with _C.DisableTorchFunctionSubclass():
                vars(Tensor)["data"].__set__(self, other)
        self._compressed, self._plain = other._compressed, other._plain
        self._value, self._coo = other._value, other._coo
        return self

    def sparse_dim(self) -> int:
        """2: rows and columns."""
        return 2

    def dense_dim(self) -> int:
        """0: values are numbers."""
        return 0

    def _nnz(self) -> int:
        """How many places are named."""
        return self._value.size(0)

    def values(self) -> Tensor:
        """The elements at the places named, with history."""
        return self._value.view_as(self._value)

    def _refused(self, name: str, owner: str) -> NoReturn:
        raise RuntimeError(f"{name} expected {owner} tensor layout but got {self.kind}")

    def indices(self) -> Tensor:
        """Of coordinates only: raises RuntimeError."""
        self._refused("indices", "sparse coordinate")

    def coalesce(self) -> Any:
        """Of coordinates only: raises RuntimeError."""
        self._refused("coalesce", "sparse coordinate")

    def is_coalesced(self) -> bool:
        """Of coordinates only: raises RuntimeError."""
        self._refused("is_coalesced", "sparse coordinate")

    def stride(self, dim: int | None = None) -> Any:
        """It has none: raises RuntimeError."""
        raise RuntimeError(f"Sparse {self.kind[6:].upper()} tensors do not have strides")

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """It is not in one block: raises RuntimeError."""
        raise RuntimeError(f"Sparse {self.kind[6:].upper()} tensors do not have is_contiguous")


class SparseCsrTensor(SparseCompressedTensor):
    """A sparse matrix with compressed rows; made by `sparse_csr_tensor` and `to_sparse_csr`."""

    kind: ClassVar[str] = "SparseCsr"
    is_sparse_csr: ClassVar[bool] = True
    layout: ClassVar[Any] = sparse_csr
    _dim: ClassVar[int] = 0

    def crow_indices(self) -> Tensor:
        """Where each row starts, `(rows + 1)`."""
        return self._compressed

    def col_indices(self) -> Tensor:
        """The column of each value, `(nnz)`."""
        return self._plain


class SparseCscTensor(SparseCompressedTensor):
    """A sparse matrix with compressed columns; made by `sparse_csc_tensor` and `to_sparse_csc`."""

    kind: ClassVar[str] = "SparseCsc"
    is_sparse_csr: ClassVar[bool] = False
    layout: ClassVar[Any] = sparse_csc
    _dim: ClassVar[int] = 1

    def ccol_indices(self) -> Tensor:
        """Where each column starts, `(columns + 1)`."""
        return self._compressed

    def row_indices(self) -> Tensor:
        """The row of each value, `(nnz)`."""
        return self._plain


def transposed(coo: SparseCooTensor) -> SparseCooTensor:
    """A matrix by coordinates with rows and columns exchanged; shares the values."""
    rows, columns = coo.shape
    return make(coo._index.flip(0), coo._value, (columns, rows), coo._nnz() < 2)
