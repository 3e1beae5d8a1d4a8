"""Sparse tensors against dense arithmetic of numpy, and PyTorch's texts (recorded with 2.13.0)."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyrite as torch
from pyrite import Tensor, nn
from sparse_samples import DENSE, INDICES, OTHER, RIGHT, VALUES, D, R, coo, csc, csr, dense, other

LAYOUTS = {"coo": coo, "coalesced": lambda: coo().coalesce(), "csr": csr, "csc": csc}

OPERATIONS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "to_dense": (lambda a: a, DENSE),
    "mm": (lambda a: torch.mm(a, R), DENSE @ RIGHT),
    "operator @": (lambda a: a @ R, DENSE @ RIGHT),
    "spmm": (lambda a: torch.spmm(a, R), DENSE @ RIGHT),
    "sparse.mm": (lambda a: torch.sparse.mm(a, R), DENSE @ RIGHT),
    "smm": (lambda a: torch.smm(a, R), DENSE @ RIGHT),
    "hspmm": (lambda a: torch.hspmm(a, R), DENSE @ RIGHT),
    "vector": (lambda a: a @ torch.tensor([1.0, 2.0, 3.0]), DENSE @ [1, 2, 3]),
    "dense first": (lambda a: R.t() @ a.t(), RIGHT.T @ DENSE.T),
    "both sparse": (lambda a: torch.sparse.mm(a, other().t()), DENSE @ OTHER.T),
    "addmm": (
        lambda a: torch.addmm(torch.ones(2, 4), a, R, beta=2, alpha=3),
        2 + 3 * DENSE @ RIGHT,
    ),
    "sparse.addmm": (lambda a: torch.sparse.addmm(torch.ones(2, 4), a, R), 1 + DENSE @ RIGHT),
    "linear": (lambda a: nn.functional.linear(a, R.t(), torch.ones(4)), DENSE @ RIGHT + 1),
    "twice": (lambda a: 2 * a, 2 * DENSE),
    "by a tensor": (lambda a: a * torch.tensor(0.5), 0.5 * DENSE),
    "quotient": (lambda a: a / 4, DENSE / 4),
    "negative": (lambda a: -a, -DENSE),
    "power": (lambda a: a**2, DENSE**2),
    "sqrt": (lambda a: a.sqrt(), np.sqrt(DENSE)),
    "absolute": (lambda a: abs(a - other()), np.abs(DENSE - OTHER)),
    "sum of two": (lambda a: a + other(), DENSE + OTHER),
    "sum of one": (lambda a: a + a, 2 * DENSE),
    "difference": (lambda a: torch.sub(a, other(), alpha=2), DENSE - 2 * OTHER),
    "dense + sparse": (lambda a: D + a, OTHER + DENSE),
    "dense - sparse": (lambda a: D - a, OTHER - DENSE),
    "product": (lambda a: a * other(), DENSE * OTHER),
    "by dense": (lambda a: a * D, DENSE * OTHER),
    "dense by": (lambda a: D * a, DENSE * OTHER),
    "by a row": (lambda a: a * torch.tensor([1.0, 2.0, 3.0]), DENSE * [1, 2, 3]),
    "by a column": (lambda a: a * torch.tensor([[1.0], [2.0]]), DENSE * [[1], [2]]),
    "t": (lambda a: a.t(), DENSE.T),
    "T": (lambda a: a.T, DENSE.T),
    "transpose": (lambda a: a.transpose(0, -1), DENSE.T),
    "unsqueeze": (lambda a: a.unsqueeze(1), DENSE[:, None]),
    "row": (lambda a: a[1], DENSE[1]),
    "column": (lambda a: a[:, -1], DENSE[:, -1]),
    "element": (lambda a: a[1, torch.tensor(2)], DENSE[1, 2]),
    "index_select": (lambda a: a.index_select(0, torch.tensor([1, 0, 1])), DENSE[[1, 0, 1]]),
    "columns": (lambda a: torch.index_select(a, 1, torch.tensor([2, 0])), DENSE[:, [2, 0]]),
    "narrow_copy": (lambda a: a.narrow_copy(1, 1, 2), DENSE[:, 1:3]),
    "cat": (lambda a: torch.cat([a, other()]), np.concatenate([DENSE, OTHER])),
    "cat columns": (lambda a: torch.cat([a, other()], 1), np.concatenate([DENSE, OTHER], 1)),
    "stack": (lambda a: torch.stack([a, other()], 1), np.stack([DENSE, OTHER], 1)),
    "total": (lambda a: a.sum(), DENSE.sum()),
    "sum rows": (lambda a: a.sum(0), DENSE.sum(0)),
    "sum columns": (lambda a: a.sum(1, keepdim=True), DENSE.sum(1, keepdims=True)),
    "norm": (lambda a: torch.norm(a), np.sqrt((DENSE**2).sum())),
    "mask": (lambda a: D.sparse_mask(a.coalesce() if a.is_sparse else a), OTHER * (DENSE != 0)),
    "double": (lambda a: a.double(), DENSE),
    "clone": (lambda a: a.clone(), DENSE),
    "zeros_like": (lambda a: torch.zeros_like(a), 0 * DENSE),
    "to coo": (lambda a: a.to_sparse(), DENSE),
    "to csr": (lambda a: a.to_sparse_csr(), DENSE),
    "to csc": (lambda a: a.to_sparse_csc(), DENSE),
    "pickled": (lambda a: pickle.loads(pickle.dumps(a)), DENSE),
    "copied": (lambda a: copy.deepcopy(a), DENSE),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_those_of_the_dense_tensor(name: str, layout: str) -> None:
    run, expected = OPERATIONS[name]
    np.testing.assert_allclose(dense(run(LAYOUTS[layout]())), expected, rtol=1e-6)


IN_PLACE: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "mul_": (lambda a: a.mul_(2), 2 * DENSE),
    "operator *=": (lambda a: a.__imul__(2), 2 * DENSE),
    "add_": (lambda a: a.add_(other(), alpha=2), DENSE + 2 * OTHER),
    "operator -=": (lambda a: a.__isub__(other()), DENSE - OTHER),
    "zero_": (lambda a: a.zero_(), 0 * DENSE),
    "copy_": (lambda a: a.copy_(other()), OTHER),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_operations_change_the_object(name: str) -> None:
    run, expected = IN_PLACE[name]
    a = coo()
    assert run(a) is a
    np.testing.assert_array_equal(dense(a), expected)


def test_a_dense_tensor_takes_up_a_sparse_one_in_place() -> None:
    x = torch.tensor(OTHER)
    y = x
    y += coo()
    assert y is x
    np.testing.assert_array_equal(dense(x), OTHER + DENSE)
    x.sub_(csr(), alpha=2)
    np.testing.assert_array_equal(dense(x), OTHER - DENSE)


def test_attributes() -> None:
    a, b = coo(), csr()
    assert a.layout is torch.sparse_coo and b.layout is torch.sparse_csr
    assert (a.is_sparse, a.is_sparse_csr, b.is_sparse, b.is_sparse_csr) == (True, False) * 1 + (
        False,
        True,
    )
    assert a.shape == (2, 3) and a.size(1) == 3 and a.dim() == 2 and a.numel() == 6
    assert (a.sparse_dim(), a.dense_dim(), a._nnz(), b._nnz()) == (2, 0, 4, 3)
    assert not a.is_coalesced() and a.coalesce().is_coalesced()
    assert a._indices().tolist() == INDICES and a._values().tolist() == VALUES
    assert a.coalesce().indices().tolist() == [[0, 1, 1], [2, 0, 2]]
    assert a.coalesce().values().tolist() == [3.0, 3.0, 5.0]
    assert b.crow_indices().tolist() == [0, 1, 3] and b.col_indices().tolist() == [2, 0, 2]
    assert isinstance(a, Tensor) and torch.is_tensor(a) and a.device.type == "cpu"
    assert a.type() == "torch.sparse.FloatTensor" and isinstance(a, torch.sparse.FloatTensor)
    assert not isinstance(a, torch.FloatTensor)


def test_values_are_shared_and_without_history() -> None:
    values = torch.tensor(VALUES, requires_grad=True)
    a = torch.sparse_coo_tensor(torch.tensor(INDICES), values, (2, 3))
    assert a._values().data_ptr() == values.data_ptr()
    assert a.requires_grad and not a.is_leaf and not a._values().requires_grad


def test_hybrid_tensors_have_dense_values() -> None:
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    a = torch.sparse_coo_tensor([[0, 1, 0], [2, 0, 2]], torch.tensor(values), (2, 3, 2))
    expected = np.zeros((2, 3, 2), np.float32)
    expected[0, 2], expected[1, 0] = values[0] + values[2], values[1]
    assert (a.sparse_dim(), a.dense_dim()) == (2, 1)
    np.testing.assert_array_equal(dense(a), expected)
    np.testing.assert_array_equal(dense(a.coalesce()), expected)
    np.testing.assert_array_equal(dense(a.sum(2)), expected.sum(2))
    np.testing.assert_array_equal(dense(a.sum((0, 1))), expected.sum((0, 1)))
    np.testing.assert_array_equal(dense(a[..., 1]), expected[..., 1])
    np.testing.assert_array_equal(dense(a.transpose(0, 1)), expected.transpose(1, 0, 2))
    np.testing.assert_array_equal(dense(torch.cat([a, a], 2)), np.concatenate([expected] * 2, 2))
    back = torch.tensor(expected).to_sparse(2)
    assert back.dense_dim() == 1 and back._nnz() == 2
    np.testing.assert_array_equal(dense(back), expected)


def test_softmax_is_over_what_is_stored() -> None:
    logits = np.where(DENSE == 0, -np.inf, DENSE)
    weights = np.exp(logits - logits.max(1, keepdims=True))
    expected = weights / weights.sum(1, keepdims=True)
    a = coo()
    np.testing.assert_allclose(dense(torch.sparse.softmax(a, 1)), expected, rtol=1e-6)
    logs = torch.sparse.log_softmax(a, dim=1).coalesce().values().exp()
    np.testing.assert_allclose(logs.tolist(), expected[DENSE != 0], rtol=1e-6)


def test_sampled_addmm_and_spdiags() -> None:
    a, left = csr(), torch.tensor(OTHER)
    result = torch.sparse.sampled_addmm(a, left, R[:, :3], beta=0.5, alpha=2.0)
    expected = np.where(DENSE != 0, 0.5 * DENSE + 2 * OTHER @ RIGHT[:, :3], 0)
    np.testing.assert_allclose(dense(result), expected, rtol=1e-6)
    diagonals = torch.arange(9.0).view(3, 3)
    made = torch.sparse.spdiags(diagonals, torch.tensor([0, -1, 2]), (4, 3))
    expected = np.array([[0, 0, 8], [3, 1, 0], [0, 4, 2], [0, 0, 5]])
    np.testing.assert_array_equal(dense(made), expected)


REDUCED = {
    "sum": DENSE @ RIGHT,
    "mean": DENSE @ RIGHT / [[1], [2]],
    "amax": np.array([3 * RIGHT[2], np.maximum(3 * RIGHT[0], 5 * RIGHT[2])]),
    "amin": np.array([3 * RIGHT[2], np.minimum(3 * RIGHT[0], 5 * RIGHT[2])]),
}


@pytest.mark.parametrize("reduce", REDUCED)
def test_products_are_reduced(reduce: str) -> None:
    for a in (csr(), coo()):
        np.testing.assert_allclose(dense(torch.sparse.mm(a, R, reduce)), REDUCED[reduce])


GRADIENTS: dict[str, Callable[[Any, Tensor], Any]] = {
    "mean": lambda a, w: torch.sparse.mm(a, w, "mean"),
    "mm": lambda a, w: a @ w,
    "sparse.mm": lambda a, w: torch.sparse.mm(a, w),
    "dense first": lambda a, w: w.t() @ a.t(),
    "vector": lambda a, w: a @ w[:, 0],
    "twice": lambda a, w: 2 * (a @ w),
    "product": lambda a, w: (a * a).to_dense() @ w,
    "both sparse": lambda a, w: torch.sparse.mm(a, a.t()).to_dense() @ w[:2],
    "softmax": lambda a, w: torch.sparse.softmax(a, 1) @ w,
    "sum": lambda a, w: a.sum(0).to_dense() @ w,
    "row": lambda a, w: a[1].to_dense() @ w,
    "sin": lambda a, w: a.sin() @ w,
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_flow_to_values_and_to_dense_operands(name: str) -> None:
    values = torch.tensor(VALUES, dtype=torch.float64, requires_grad=True)
    weight = torch.tensor(RIGHT, dtype=torch.float64, requires_grad=True)

    def run(values: Tensor, weight: Tensor) -> Tensor:
        a = torch.sparse_coo_tensor(torch.tensor(INDICES), values, (2, 3))
        return GRADIENTS[name](a, weight)

    assert torch.autograd.gradcheck(run, (values, weight))
    assert torch.autograd.gradgradcheck(run, (values, weight))


@pytest.mark.parametrize("coalesced", [False, True])
def test_a_sparse_leaf_has_a_sparse_gradient(coalesced: bool) -> None:
    a = coo().coalesce().requires_grad_() if coalesced else coo(requires_grad=True)
    loss = (torch.sparse.mm(a, R) * torch.arange(8.0).view(2, 4)).sum()
    (asked,) = torch.autograd.grad(loss, a, retain_graph=True)
    loss.backward()
    expected = (np.arange(8.0).reshape(2, 4) @ RIGHT.T) * (DENSE != 0)
    for grad in (a.grad, asked):
        assert grad.layout is torch.sparse_coo
        np.testing.assert_array_equal(dense(grad), expected)
    assert a.grad is a.grad and a.is_leaf
    a.grad = None
    assert a.grad is None


CLOSE: list[tuple[Any, Any, str]] = [
    (([[0, 1]], [1.0, 2.0]), ([[0, 1]], [1.0, 3.0]), "Sparse COO values are not close!"),
    (([[0, 1]], [1.0, 2.0]), ([[0, 2]], [1.0, 2.0]), "Sparse COO indices are not equal!"),
    (
        ([[0, 1]], [1.0, 2.0]),
        ([[0]], [1.0]),
        "The number of specified values in sparse COO tensors does not match: 2 != 1",
    ),
]


@pytest.mark.parametrize(("left", "right", "text"), CLOSE)
def test_assert_close_compares_the_parts(left: Any, right: Any, text: str) -> None:
    a, b = (torch.sparse_coo_tensor(*parts, (3,)) for parts in (left, right))
    torch.testing.assert_close(a, a)
    torch.testing.assert_close(csr(), csr())
    torch.testing.assert_close(coo(), coo().to_dense(), check_layout=False)
    with pytest.raises(AssertionError, match="layout"):
        torch.testing.assert_close(coo(), coo().to_dense())
    with pytest.raises(AssertionError) as caught:
        torch.testing.assert_close(a, b)
    assert str(caught.value).partition("\n")[0] == text


READERS: dict[str, Callable[[Any], Any]] = {
    "Tensor": lambda a: torch.Tensor(a),
    "FloatTensor": lambda a: torch.FloatTensor(a),
    "tensor": lambda a: torch.tensor(a),
    "as_tensor": lambda a: torch.as_tensor(a, dtype=torch.float64),
    "new_tensor": lambda a: torch.ones(1).new_tensor(a),
    "data": lambda a: setattr(torch.ones(2, 3), "data", a),
    "set_": lambda a: torch.ones(2, 3).set_(a),
    "dlpack": lambda a: torch.from_dlpack(a),
    "out": lambda a: torch.add(D, D, out=a),
    "index": lambda a: D[a],
    "copy": lambda a: D.clone().copy_(a),
    "loss": lambda a: nn.functional.mse_loss(a, D),
    "layer_norm": lambda a: nn.functional.layer_norm(a, (3,)),
    "normal_": lambda a: nn.init.normal_(a),
    "fft": lambda a: torch.fft.fft(a),
}


@pytest.mark.filterwarnings("ignore:To copy construct")
@pytest.mark.parametrize("name", READERS)
def test_what_reads_arrays_refuses_sparse_tensors(name: str) -> None:
    with pytest.raises(RuntimeError, match=r"sparse|Sparse"):
        READERS[name](coo())


def test_no_way_around_reads_the_husk() -> None:
    """What hides the class sees NaN, not zeros."""
    a = coo()
    with torch._C.DisableTorchFunctionSubclass():
        assert bool(torch.Tensor.sum(a).isnan())


def test_legacy_constructors() -> None:
    i, v = torch.tensor(INDICES), torch.tensor(VALUES)
    a = torch.sparse.FloatTensor(i, v, torch.Size([2, 3]))
    np.testing.assert_array_equal(dense(a), DENSE)
    assert torch.sparse.LongTensor(i, v.long()).shape == (2, 3)
    named = torch.sparse.FloatTensor(indices=i, values=v, size=(2, 3))
    assert torch.equal(named, a) and named.shape == (2, 3)
    assert torch.sparse.FloatTensor(4, 5)._nnz() == 0
    assert torch.sparse.FloatTensor(torch.Size([4, 5])).shape == (4, 5)


def test_files_and_modules_hold_sparse_tensors() -> None:
    class Graph(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("adjacency", coo())

    graph = Graph()
    file = io.BytesIO()
    torch.save({"a": coo().coalesce(), "c": csr()}, file)
    file.seek(0)
    loaded = torch.load(file)
    assert loaded["a"].is_coalesced() and loaded["c"].layout is torch.sparse_csr
    np.testing.assert_array_equal(dense(loaded["a"]), DENSE)
    np.testing.assert_array_equal(dense(loaded["c"]), DENSE)
    assert graph.double().adjacency.dtype is torch.float64
    np.testing.assert_array_equal(dense(graph.state_dict()["adjacency"]), DENSE)
    np.testing.assert_array_equal(dense(copy.deepcopy(graph).adjacency), DENSE)


def test_a_sparse_leaf_is_optimized() -> None:
    a = coo().coalesce().requires_grad_()
    optimizer = torch.optim.SGD([a], lr=0.5)
    for _ in range(2):
        optimizer.zero_grad()
        torch.sparse.mm(a, R).sum().backward()
        optimizer.step()
    expected = DENSE - 2 * 0.5 * (RIGHT.sum(1) * (DENSE != 0))
    np.testing.assert_array_equal(dense(a.detach()), expected)


def test_a_function_keeps_sparse_tensors_for_backward() -> None:
    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, values: Tensor, b: Tensor) -> Tensor:
            a = torch.sparse_coo_tensor(torch.tensor(INDICES), values, (2, 3))
            ctx.save_for_backward(a, b)
            return torch.matmul(a, b)

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
            a, b = ctx.saved_tensors
            places = a._indices()[0] * 3 + a._indices()[1]
            return grad.matmul(b.t()).view(-1)[places], a.t().matmul(grad)

    values = torch.tensor(VALUES, requires_grad=True)
    weight = R.clone().requires_grad_()
    Product.apply(values, weight).sum().backward()
    assert values.grad is not None and values.grad.tolist() == [38.0, 6.0, 38.0, 6.0]
    assert weight.grad is not None
    np.testing.assert_array_equal(dense(weight.grad), np.outer(DENSE.sum(0), np.ones(4)))


def test_a_function_refuses_a_sparse_input_whose_gradient_it_would_lose() -> None:
    class Same(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Tensor) -> Tensor:
            return a.to_dense()

    assert Same.apply(coo()).shape == (2, 3)
    with pytest.raises(NotImplementedError, match=r"autograd\.Function: .* sparse inputs"):
        Same.apply(coo(requires_grad=True))
