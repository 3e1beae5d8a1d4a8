"""Sparse gradients of dense tables: embeddings, accumulation, optimizers.

Numbers are recorded with PyTorch 2.13.0, three steps of each optimizer on the same table.
"""

from __future__ import annotations

from typing import Any

import pytest

import pyrite as torch
from pyrite import Tensor, nn, optim

ROWS = torch.tensor([[0, 2, 1], [2, 4, 0]])


def table(**options: Any) -> nn.Embedding:
    made = nn.Embedding(5, 2, sparse=True, **options)
    with torch.no_grad():
        made.weight.copy_(torch.arange(10.0).view(5, 2) / 10)
    return made


def grad_of(layer: nn.Module) -> Any:
    weight: Any = layer.weight
    assert weight.grad is not None
    return weight.grad


def test_the_gradient_names_the_rows_used_but_padding() -> None:
    layer = table(padding_idx=1)
    (layer(ROWS) * torch.arange(6.0).view(2, 3, 1)).sum().backward()
    grad = grad_of(layer)
    assert grad.is_sparse and not grad.is_coalesced() and grad.shape == (5, 2)
    assert grad._indices().tolist() == [[0, 2, 2, 4, 0]]
    assert grad._values()[:, 0].tolist() == [0.0, 1.0, 3.0, 4.0, 5.0]
    assert grad.to_dense()[:, 1].tolist() == [5.0, 0.0, 4.0, 0.0, 4.0]


def test_gradients_accumulate_in_the_object() -> None:
    layer = table()
    layer(ROWS).sum().backward()
    grad = grad_of(layer)
    layer(ROWS[0]).sum().backward()
    assert grad_of(layer) is grad and grad.is_sparse
    assert grad.to_dense()[:, 0].tolist() == [3.0, 2.0, 3.0, 0.0, 1.0]
    layer.zero_grad(set_to_none=False)
    assert grad_of(layer) is grad and grad._nnz() == 0


def test_dense_and_sparse_gradients_add_up_dense() -> None:
    layer = table()
    (layer(ROWS).sum() + layer.weight.sum()).backward()
    together = grad_of(layer)
    assert not together.is_sparse
    layer.zero_grad()
    layer(ROWS).sum().backward()
    layer.weight.sum().backward()
    assert torch.equal(grad_of(layer), together)
    layer.zero_grad()
    layer.weight.sum().backward()
    dense = grad_of(layer)
    layer(ROWS).sum().backward()
    assert grad_of(layer) is dense and torch.equal(dense, together)


def test_ops_on_the_way_get_dense_gradients() -> None:
    layer = table()
    twice = layer.weight * 2
    nn.functional.embedding(ROWS, twice, sparse=True).sum().backward()
    assert not grad_of(layer).is_sparse
    assert grad_of(layer)[:, 0].tolist() == [4.0, 2.0, 4.0, 0.0, 2.0]


def test_hooks_and_grad_see_sparse_gradients() -> None:
    layer, seen = table(), []
    layer.weight.register_hook(lambda grad: seen.append(grad.is_sparse))
    (asked,) = torch.autograd.grad(layer(ROWS).sum(), layer.weight)
    assert asked.is_sparse and seen == [True]
    layer.weight.register_hook(lambda grad: grad * 2)
    layer(ROWS).sum().backward()
    assert torch.equal(grad_of(layer).to_dense(), 2 * asked.to_dense())


@pytest.mark.filterwarnings("ignore:Anomaly Detection", "ignore:Error detected in")
def test_anomaly_mode_reads_the_elements() -> None:
    layer = table()
    with torch.autograd.detect_anomaly():
        layer(ROWS).sum().backward()
        with pytest.raises(RuntimeError, match="returned nan values in its 0th output"):
            (layer(ROWS) * float("nan")).sum().backward()


def test_frequencies_have_no_sparse_form() -> None:
    with pytest.raises(RuntimeError, match="scale_grad_by_freq not supported with sparse"):
        table(scale_grad_by_freq=True)(ROWS)


BAGS: list[Any] = [
    ("sum", {}, [0.4, 0.6, 1.4, 1.8], [4, 6, 3, 4, 4, 6, 0, 0, 3, 4], 6),
    (
        "mean",
        {},
        [0.2, 0.3, 0.35, 0.45],
        [1.25, 2.0, 0.75, 1.0, 1.25, 2.0, 0.0, 0.0, 0.75, 1.0],
        6,
    ),
    (
        "mean",
        {"padding_idx": 1},
        [0.2, 0.3, 0.4, 0.5],
        [1.5, 2.33333, 0.0, 0.0, 1.5, 2.33333, 0.0, 0.0, 1.0, 1.33333],
        5,
    ),
    (
        "sum",
        {"include_last_offset": True},
        [0.4, 0.6, 1.4, 1.8],
        [4, 6, 3, 4, 4, 6, 0, 0, 3, 4],
        6,
    ),
]


@pytest.mark.parametrize(("mode", "options", "bags", "grads", "count"), BAGS)
def test_bags_have_sparse_gradients(
    mode: str, options: dict[str, Any], bags: list[float], grads: list[float], count: int
) -> None:
    layer = nn.EmbeddingBag(5, 2, sparse=True, mode=mode, **options)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(10.0).view(5, 2) / 10)
    offsets = torch.tensor([0, 2, 6] if options.get("include_last_offset") else [0, 2])
    result = layer(ROWS.flatten(), offsets)
    (result * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    grad = grad_of(layer)
    assert grad.is_sparse and grad._nnz() == count
    assert result.flatten().tolist() == pytest.approx(bags, abs=1e-5)
    assert grad.to_dense().flatten().tolist() == pytest.approx(grads, abs=1e-5)


def test_weights_of_a_bag_get_their_gradient() -> None:
    results = []
    for sparse in (False, True):
        torch.manual_seed(0)
        layer = nn.EmbeddingBag(5, 2, mode="sum", sparse=sparse)
        factors = torch.arange(6.0).view(2, 3).requires_grad_()
        layer(ROWS, per_sample_weights=factors).sum().backward()
        assert factors.grad is not None
        results.append((factors.grad, grad_of(layer).to_dense()))
    for dense, sparse_one in zip(*results, strict=True):
        torch.testing.assert_close(dense, sparse_one)


STEPS: list[Any] = [
    ("SGD", {}, [0, 0.0216, 0.1024, 0.1536, 0.0864, 0.108, 0.6, 0.7, 0.4096, 0.4608]),
    (
        "SGD",
        {"momentum": 0.9, "nesterov": True},
        [0, -0.04333, -0.02167, -0.032506, -0.173318, -0.216648, 0.6, 0.7, -0.086682, -0.097517],
    ),
    (
        "SGD",
        {"maximize": True},
        [0, 0.2744, 0.3456, 0.5184, 1.0976, 1.372, 0.6, 0.7, 1.3824, 1.5552],
    ),
    (
        "Adagrad",
        {"lr_decay": 0.1},
        [0, 0, 0.037968, 0.117641, 0.208732, 0.303841, 0.6, 0.7, 0.597146, 0.695989],
    ),
    (
        "SparseAdam",
        {},
        [0, -0.074438, -0.067181, 0.013289, 0.107395, 0.204871, 0.6, 0.7, 0.50222, 0.601854],
    ),
    (
        "SparseAdam",
        {"maximize": True, "betas": (0.5, 0.9)},
        [0, 0.413003, 0.511573, 0.609715, 0.70825, 0.807133, 0.6, 0.7, 1.105032, 1.204578],
    ),
]


@pytest.mark.parametrize(("name", "options", "expected"), STEPS)
def test_optimizers_step_with_sparse_gradients(
    name: str, options: dict[str, Any], expected: list[float]
) -> None:
    layer = table()
    optimizer = getattr(optim, name)(layer.parameters(), lr=0.1, **options)
    for _ in range(3):
        optimizer.zero_grad()
        (layer(ROWS) ** 2).sum().backward()
        optimizer.step()
    assert layer.weight.flatten().tolist() == pytest.approx(expected, abs=2e-6)


def test_sparse_and_dense_parameters_share_a_group() -> None:
    layer, head = table(), nn.Linear(2, 1)
    with torch.no_grad():
        head.weight.fill_(1.0)
        head.bias.zero_()
    optimizer = optim.Adagrad([*layer.parameters(), *head.parameters()], lr=0.1)
    head(layer(ROWS)).sum().backward()
    optimizer.step()
    assert [state["step"].item() for state in optimizer.state.values()] == [1.0, 1.0, 1.0]
    assert head.weight.tolist()[0] == pytest.approx([0.9, 0.9])
    assert layer.weight[3].tolist() == pytest.approx([0.6, 0.7])
    assert layer.weight[4].tolist() == pytest.approx([0.7, 0.8])


REFUSALS = [
    ("Adam", {}, "Adam does not support sparse gradients, please consider SparseAdam instead"),
    ("RMSprop", {}, "RMSprop does not support sparse gradients"),
    ("SGD", {"weight_decay": 0.1}, r"add\(sparse, dense\) is not supported"),
    ("Adagrad", {"weight_decay": 0.1}, "weight_decay option is not compatible with sparse"),
]


@pytest.mark.parametrize(("name", "options", "text"), REFUSALS)
def test_other_optimizers_refuse_them(name: str, options: dict[str, Any], text: str) -> None:
    layer = table()
    layer(ROWS).sum().backward()
    with pytest.raises(RuntimeError, match=text):
        getattr(optim, name)(layer.parameters(), **options).step()


SETTINGS: list[Any] = [
    ({"lr": 0.0}, "Invalid learning rate: 0.0"),
    ({"eps": 0.0}, "Invalid epsilon value: 0.0"),
    ({"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
]


@pytest.mark.parametrize(("options", "text"), SETTINGS)
def test_sparse_adam_checks_its_settings(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        optim.SparseAdam([torch.ones(3, requires_grad=True)], **options)


def test_sparse_adam_is_for_dense_parameters_with_sparse_gradients() -> None:
    weight = torch.ones(3, requires_grad=True)
    weight.sum().backward()
    with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients"):
        optim.SparseAdam([weight]).step()
    sparse: Tensor = torch.sparse_coo_tensor([[0]], [1.0], (2,), requires_grad=True)
    with pytest.raises(ValueError, match=r"Sparse params at indices \[\[0, 0\]\]"):
        optim.SparseAdam([sparse])


def test_scaled_gradients_are_unscaled() -> None:
    layer = table()
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    scaler.scale(layer(ROWS).sum()).backward()
    assert grad_of(layer).to_dense()[0, 0] == 16.0
    scaler.unscale_(optimizer)
    assert grad_of(layer).to_dense()[:, 0].tolist() == [2.0, 1.0, 2.0, 0.0, 1.0]
    scaler.step(optimizer)
    assert layer.weight[4].tolist() == pytest.approx([0.7, 0.8])


def test_norms_are_clipped() -> None:
    layer = table()
    (3 * layer(ROWS)).sum().backward()
    expected = grad_of(layer).to_dense().norm()
    assert torch.nn.utils.clip_grad_norm_(layer.parameters(), 1.0) == expected
    assert grad_of(layer).to_dense().norm().item() == pytest.approx(1.0, abs=1e-5)
