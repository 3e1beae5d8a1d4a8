"""Sparse tensors on the GPU: composed of dense ops, they must agree with the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import pyrite as torch
from pyrite import Tensor, nn

INDICES = [[0, 1, 1, 1], [2, 0, 2, 0]]

OPERATIONS: dict[str, Callable[[Any, Tensor], Any]] = {
    "mm": lambda a, w: a @ w,
    "dense first": lambda a, w: w.t() @ a.t(),
    "both sparse": lambda a, w: torch.sparse.mm(a, a.t()),
    "coalesce": lambda a, w: a.coalesce(),
    "sum of two": lambda a, w: a + a.t().t(),
    "dense + sparse": lambda a, w: w[:2, :3] + a,
    "by dense": lambda a, w: a * w[:2, :3],
    "product": lambda a, w: a * a,
    "softmax": lambda a, w: torch.sparse.softmax(a, 1),
    "sum": lambda a, w: torch.sparse.sum(a, 1),
    "row": lambda a, w: a[1],
    "index_select": lambda a, w: a.index_select(0, torch.tensor([1, 1], device=w.device)),
    "cat": lambda a, w: torch.cat([a, a]),
    "csr": lambda a, w: a.to_sparse_csr() @ w,
    "mask": lambda a, w: w[:2, :3].sparse_mask(a),
    "to_sparse": lambda a, w: torch.relu(w - 5).to_sparse(),
}


def run(name: str, device: str) -> list[Tensor]:
    values = torch.tensor([3.0, 4.0, 5.0, -1.0], device=device, requires_grad=True)
    weight = torch.arange(12.0, device=device).view(3, 4).requires_grad_()
    a = torch.sparse_coo_tensor(torch.tensor(INDICES, device=device), values, (2, 3))
    result = OPERATIONS[name](a, weight)
    dense = result.to_dense() if result.layout != torch.strided else result
    (dense * dense).sum().backward()
    grads = [x.grad for x in (values, weight) if x.grad is not None]
    return [x.detach().cpu() for x in (dense, *grads)]


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_agree_with_the_cpu(name: str) -> None:
    for on_gpu, on_cpu in zip(run(name, "gpu"), run(name, "cpu"), strict=True):
        torch.testing.assert_close(on_gpu, on_cpu)


def test_sparse_gradients_train_on_the_gpu() -> None:
    tables = []
    for device in ("cpu", "gpu"):
        torch.manual_seed(0)
        layer = nn.Embedding(6, 3, sparse=True).to(device)
        optimizer = torch.optim.SparseAdam(layer.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            (layer(torch.tensor([0, 2, 2, 5], device=device)) ** 2).sum().backward()
            assert layer.weight.grad is not None and layer.weight.grad.is_sparse
            optimizer.step()
        tables.append(layer.weight.detach().cpu())
    torch.testing.assert_close(*tables)


def test_a_sparse_tensor_moves() -> None:
    a = torch.sparse_coo_tensor(INDICES, [3.0, 4.0, 5.0, -1.0], (2, 3))
    there = a.to("gpu")
    assert there._indices().device.type == "gpu" and there.device.type == "gpu"
    assert "device='gpu" in repr(there)
    assert torch.equal(there.cpu().to_dense(), a.to_dense())
    assert torch.equal(a.to_sparse_csr().to("gpu").to_dense().cpu(), a.to_dense())
