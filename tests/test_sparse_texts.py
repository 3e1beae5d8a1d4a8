"""What sparse tensors say: reprs and errors, as recorded with PyTorch 2.13.0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import pyrite as torch
from pyrite import Tensor
from sparse_samples import D, R, coo, csc, csr

REPRS = [
    (
        lambda: coo(),
        "tensor(indices=tensor([[0, 1, 1, 1],\n                       [2, 0, 2, 0]]),\n"
        "       values=tensor([ 3.,  4.,  5., -1.]),\n"
        "       size=(2, 3), nnz=4, layout=torch.sparse_coo)",
    ),
    (
        lambda: torch.sparse_coo_tensor(size=(2, 3)),
        "tensor(indices=tensor([], size=(2, 0)),\n       values=tensor([], size=(0,)),\n"
        "       size=(2, 3), nnz=0, layout=torch.sparse_coo)",
    ),
    (
        lambda: torch.sparse_coo_tensor([[0, 1]], torch.arange(4.0).view(2, 2), (2, 2)),
        "tensor(indices=tensor([[0, 1]]),\n       values=tensor([[0., 1.],\n"
        "                      [2., 3.]]),\n"
        "       size=(2, 2), nnz=2, layout=torch.sparse_coo)",
    ),
    (
        lambda: coo().coalesce().double(),
        "tensor(indices=tensor([[0, 1, 1],\n                       [2, 0, 2]]),\n"
        "       values=tensor([3., 3., 5.]),\n"
        "       size=(2, 3), nnz=3, dtype=torch.float64, layout=torch.sparse_coo)",
    ),
    (
        lambda: torch.sparse_coo_tensor([[0]], torch.tensor([1.0], requires_grad=True), (1,)) * 2,
        "tensor(indices=tensor([[0]]),\n       values=tensor([2.]),\n"
        "       size=(1,), nnz=1, layout=torch.sparse_coo, grad_fn=<MulBackward0>)",
    ),
    (
        lambda: torch.sparse_coo_tensor([[0]], torch.tensor([1.0], requires_grad=True), (1,)),
        "tensor(indices=tensor([[0]]),\n       values=tensor([1.]),\n"
        "       size=(1,), nnz=1, layout=torch.sparse_coo,\n"
        "       grad_fn=<SparseCooTensorWithDimsAndTensorsBackward0>)",
    ),
    (
        lambda: csr(),
        "tensor(crow_indices=tensor([0, 1, 3]),\n       col_indices=tensor([2, 0, 2]),\n"
        "       values=tensor([3., 3., 5.]), size=(2, 3), nnz=3,\n"
        "       layout=torch.sparse_csr)",
    ),
    (
        lambda: csr().double().requires_grad_(),
        "tensor(crow_indices=tensor([0, 1, 3]),\n       col_indices=tensor([2, 0, 2]),\n"
        "       values=tensor([3., 3., 5.]), size=(2, 3), nnz=3, dtype=torch.float64,\n"
        "       layout=torch.sparse_csr, requires_grad=True)",
    ),
    (
        lambda: csc(),
        "tensor(ccol_indices=tensor([0, 1, 1, 3]),\n       row_indices=tensor([1, 0, 1]),\n"
        "       values=tensor([3., 3., 5.]), size=(2, 3), nnz=3,\n"
        "       layout=torch.sparse_csc)",
    ),
]


@pytest.mark.parametrize(("make", "text"), REPRS)
def test_repr_is_pytorchs(make: Callable[[], Tensor], text: str) -> None:
    assert repr(make()).replace("pyrite.", "torch.") == text


ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: torch.sparse_coo_tensor([[0, -1], [0, 1]], [1.0, 2.0]),
        RuntimeError,
        "found negative index -1 for dim 0",
    ),
    (
        lambda: torch.sparse_coo_tensor([[0, 2], [0, 1]], [1.0, 2.0], (2, 2)),
        RuntimeError,
        "size is inconsistent with indices: for dim 0, size is 2 but found index 2",
    ),
    (
        lambda: torch.sparse_coo_tensor([[0, 1], [0, 1]], [1.0, 2.0, 3.0], (2, 2)),
        RuntimeError,
        "indices and values must have same nnz, but got nnz from indices: 2, nnz from values: 3",
    ),
    (
        lambda: torch.sparse_coo_tensor([[0, 1], [0, 1]], [1.0, 2.0], (2,)),
        RuntimeError,
        "'len(size) == sparse_dim + dense_dim' is not satisfied: "
        "len(size) = 1, sparse_dim = 2, dense_dim = 0",
    ),
    (
        lambda: torch.sparse_coo_tensor([[0, 1]], torch.ones(2, 3), (2, 4)),
        RuntimeError,
        "values has incorrect size, expected [2, 4], got [2, 3]",
    ),
    (
        lambda: torch.sparse_csr_tensor([0, 1, 2], [0, 5], [1.0, 2.0], (2, 2)),
        RuntimeError,
        "`0 <= col_indices < ncols` is not satisfied.",
    ),
    (
        lambda: torch.sparse_csr_tensor([0, 1], [0, 1], [1.0, 2.0], (2, 2)),
        RuntimeError,
        "crow_indices.shape[-1] must be equal to the number of rows + 1 (=3), but got 2",
    ),
    (
        lambda: torch.sparse_csr_tensor([0, 1, 3], [0, 1], [1.0, 2.0], (2, 2)),
        RuntimeError,
        "`crow_indices[..., -1] == nnz` is not satisfied.",
    ),
    (
        lambda: torch.sparse_coo_tensor([[1, 0]], [1.0, 2.0], (2,), is_coalesced=True),
        RuntimeError,
        "cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor",
    ),
    (
        lambda: coo() @ R.double(),
        RuntimeError,
        "expected scalar type Float but found Double",
    ),
    (
        lambda: torch.sparse.softmax(coo().long(), 1),
        NotImplementedError,
        "\"softmax\" not implemented for 'Long'",
    ),
    (
        lambda: torch.ones(3, 3).sparse_mask(coo()),
        RuntimeError,
        "sparse_mask(): operands have incompatible sizes; "
        "self has size [3, 3] but mask has size [2, 3]",
    ),
    (
        lambda: D.to_sparse(3),
        RuntimeError,
        "dense_to_sparse: sparse_dim argument must be in [0,2] range, but 3 is given",
    ),
    (
        lambda: coo().indices(),
        RuntimeError,
        "Cannot get indices on an uncoalesced tensor, please call .coalesce() first",
    ),
    (
        lambda: csr().coalesce(),
        RuntimeError,
        "coalesce expected sparse coordinate tensor layout but got SparseCsr",
    ),
    (
        lambda: coo().crow_indices(),
        RuntimeError,
        "crow_indices expected sparse row compressed tensor layout but got Sparse",
    ),
    (
        lambda: torch.eye(2).values(),
        RuntimeError,
        "values expected sparse tensor layout but got Strided",
    ),
    (
        lambda: coo() + 1,
        RuntimeError,
        "add(sparse, dense) is not supported. Use add(dense, sparse) instead.",
    ),
    (
        lambda: coo() / D,
        RuntimeError,
        "Sparse division requires a scalar or zero-dim dense tensor divisor "
        "(got shape [2, 3] for divisor)",
    ),
    (
        lambda: coo() ** 0,
        RuntimeError,
        "pow: cannot raise to zeroth power on sparse tensor; it would make the result tensor dense",
    ),
    (
        lambda: coo() @ torch.ones(2, 2),
        RuntimeError,
        "addmm: Argument #3 (dense): Expected dim 0 size 3, got 2",
    ),
    (
        lambda: csr() @ torch.ones(2, 2),
        RuntimeError,
        "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x2)",
    ),
    (
        lambda: torch.cat([coo(), D]),
        RuntimeError,
        "Concatenating sparse tensors, but a dense tensor was found at position 1.",
    ),
    (
        lambda: coo().numpy(),
        TypeError,
        "can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.",
    ),
    (
        lambda: coo().storage(),
        NotImplementedError,
        "Cannot access storage of SparseTensorImpl",
    ),
    (
        lambda: coo().__setitem__(0, 1.0),
        TypeError,
        "Cannot assign to a sparse tensor",
    ),
    (
        lambda: coo()[5],
        IndexError,
        "index 5 is out of bounds for dimension 0 with size 2",
    ),
    (
        lambda: coo().exp(),
        NotImplementedError,
        "Could not run 'aten::exp' with arguments from the 'SparseCPU' backend.",
    ),
    (
        lambda: coo() > 0,
        NotImplementedError,
        "Could not run 'aten::gt' with arguments from the 'SparseCPU' backend.",
    ),
    (
        lambda: torch.eye(2)._indices(),
        NotImplementedError,
        "Could not run 'aten::_indices' with arguments from the 'CPU' backend.",
    ),
]


@pytest.mark.parametrize(("run", "kind", "text"), ERRORS)
def test_errors_are_pytorchs(run: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as caught:
        run()
    assert str(caught.value).partition("\n")[0] == text
