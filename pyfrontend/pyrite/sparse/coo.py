"""Sparse tensors by coordinates: `indices` `(sparse_dim, nnz)` and `values` `(nnz, *dense sizes)`.

Layer L6. A place may be named several times, which stands for the sum, until `coalesce` puts places
in order and adds what belongs together.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from pyrite import _C
from pyrite._C import Tensor
from pyrite._layouts import sparse_coo
from pyrite.functional import unique

from .indices import flatten, unflatten
from .tensor import SparseTensor, handles, node_name

__all__ = ["SparseCooTensor", "add_rows", "make"]


class SparseCooTensor(SparseTensor):
    """A sparse tensor by coordinates; made by `sparse_coo_tensor` and `Tensor.to_sparse`."""

    kind: ClassVar[str] = "Sparse"
    is_sparse: ClassVar[bool] = True
    is_sparse_csr: ClassVar[bool] = False
    layout: ClassVar[Any] = sparse_coo
    _index: Tensor
    _coalesced: bool

    def with_values(self, values: Tensor) -> SparseCooTensor:
        """The same pattern with other values."""
        shape = (*self.sparse_shape, *values.shape[1:])
        return make(self._index, values, shape, self._coalesced)

    def to_coo(self) -> SparseCooTensor:
        """Itself."""
        return self

    def from_coo(self, coo: SparseCooTensor) -> SparseCooTensor:
        """`coo` itself."""
        return coo

    def become(self, other: SparseCooTensor) -> SparseCooTensor:
        """Take over shape and elements, in place."""
        if self.shape != other.shape or self.dtype is not other.dtype:
            self._exchange(other)
        self._index, self._value, self._coalesced = other._index, other._value, other._coalesced
        return self

    def _exchange(self, other: SparseCooTensor) -> None:
        with _C.DisableTorchFunctionSubclass():
            vars(Tensor)["data"].__set__(self, other)

    def sparse_dim(self) -> int:
        """How many dims are stored by coordinates."""
        return self._index.size(0)

    def dense_dim(self) -> int:
        """How many dims each value has."""
        return self._value.dim() - 1

    _dimI = sparse_dim
    _dimV = dense_dim

    @property
    def sparse_shape(self) -> tuple[int, ...]:
        """Sizes of the dims stored by coordinates."""
        return tuple(self.shape)[: self.sparse_dim()]

    def _nnz(self) -> int:
        """How many places are named."""
        return self._value.size(0)

    def _indices(self) -> Tensor:
        """Coordinates, in order or not."""
        return self._index

    def _values(self) -> Tensor:
        """Values without history."""
        return self._value.detach()

    def is_coalesced(self) -> bool:
        """Whether places are named once each, in order."""
        return self._coalesced

    def _coalesced_(self, coalesced: bool) -> SparseCooTensor:
        """Say that it is coalesced, unchecked."""
        self._coalesced = coalesced
        return self

    def indices(self) -> Tensor:
        """Coordinates of a coalesced tensor.

        Raises:
            RuntimeError: it is not coalesced.
        """
        self._require_coalesced("indices")
        return self._index

    def values(self) -> Tensor:
        """Values of a coalesced tensor, with history.

        Raises:
            RuntimeError: it is not coalesced.
        """
        self._require_coalesced("values")
        return self._value.view_as(self._value)

    def _require_coalesced(self, what: str) -> None:
        if not self._coalesced:
            raise RuntimeError(
                f"Cannot get {what} on an uncoalesced tensor, please call .coalesce() first"
            )

    def numbers(self) -> Tensor:
        """The places as running numbers, `(nnz)`."""
        return flatten(self._index, self.sparse_shape)

    def coalesce(self) -> SparseCooTensor:
        """The same tensor with each place named once, in order."""
        if self._coalesced:
            return self
        if self._nnz() < 2:
            return make(self._index, self._value, self.shape, True, "coalesce")
        places, owner = unique(self.numbers(), return_inverse=True)
        values = add_rows(self._value, owner, places.size(0))
        indices = unflatten(places, self.sparse_shape)
        return make(indices, values, self.shape, True, "coalesce")

    def sparse_resize_(self, size: Any, sparse_dim: int, dense_dim: int) -> SparseCooTensor:
        """Another shape for the same elements, in place; sizes must not shrink.

        Raises:
            RuntimeError: another number of sparse or dense dims, or smaller sizes.
        """
        shape = tuple(size)
        if (sparse_dim, dense_dim) != (self.sparse_dim(), self.dense_dim()):
            raise RuntimeError(
                "changing the number of sparse or dense dimensions on a non-empty sparse tensor "
                "is not supported"
            )
        if any(new < old for new, old in zip(shape, self.shape, strict=True)):
            raise RuntimeError(
                "shrinking the size of sparse or dense dimensions on a non-empty sparse tensor "
                "is not supported"
            )
        if shape[sparse_dim:] != tuple(self.shape)[sparse_dim:]:
            raise NotImplementedError("sparse_resize_: dense sizes cannot change")
        return self.become(make(self._index, self._value, shape, self._coalesced))

    def sparse_resize_and_clear_(
        self, size: Any, sparse_dim: int, dense_dim: int
    ) -> SparseCooTensor:
        """Another shape without elements, in place."""
        shape = tuple(size)
        index = _C.empty((sparse_dim, 0), dtype=_C.int64, device=self.device)
        values = _C.empty((0, *shape[sparse_dim:]), dtype=self.dtype, device=self.device)
        return self.become(make(index, values, shape, True))

    def stride(self, dim: int | None = None) -> Any:
        """Zeros, as PyTorch answers: it has none."""
        return 0 if dim is not None else (0,) * self.dim()

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Never."""
        return False


def make(
    indices: Tensor, values: Tensor, shape: Any, coalesced: bool, op: str | None = None
) -> SparseCooTensor:
    """A tensor of checked parts; `op` names what recorded the values' history."""
    made: SparseCooTensor = SparseCooTensor._husk(shape, values)
    made._index, made._value, made._coalesced = indices, values, coalesced
    if op is not None:
        made._node = node_name(op)
    return made


def add_rows(values: Tensor, owner: Tensor, count: int) -> Tensor:
    """Sum the values of each owner: `(nnz, *rest) -> (count, *rest)`; for bools, whether any is."""
    if values.dtype == _C.bool:
        return add_rows(values.to(_C.int64), owner, count).to(_C.bool)
    zeros = _C.zeros((count, *values.shape[1:]), dtype=values.dtype, device=values.device)
    return zeros.index_add(0, owner, values)


@handles("to_dense")
def to_dense(
    input: SparseTensor, dtype: _C.dtype | None = None, *, masked_grad: bool | None = None
) -> Tensor:
    """All elements one by one. `masked_grad` is inert: gradients exist at the stored places only.

    Raises:
        RuntimeError: `dtype` is given, which PyTorch refuses as well.
    """
    if dtype is not None:
        raise RuntimeError("dtype argument is not supported by sparse_to_dense")
    coo: SparseCooTensor = input.to_coo()
    count = math.prod(coo.sparse_shape)
    return add_rows(coo._value, coo.numbers(), count).view(coo.shape)
