"""The graph and the engine: backward, grad, modes, anomaly mode. Facts from PyTorch 2.13.0."""

from __future__ import annotations

import gc
import threading
import time
import warnings

import pytest

import pyrite as torch


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def chain(node, depth=3):
    """The graph below a node as nested text."""
    if node is None:
        return "None"
    name = type(node).__name__
    if depth == 0:
        return name
    return name + "(" + ", ".join(chain(n, depth - 1) for n, _ in node.next_functions) + ")"


@pytest.mark.parametrize(
    ("make", "graph"),
    [
        (lambda x: x + 1, "AddBackward0(AccumulateGrad, None)"),
        (lambda x: 1 + x, "AddBackward0(AccumulateGrad, None)"),
        (lambda x: x * x, "MulBackward0(AccumulateGrad, AccumulateGrad)"),
        (lambda x: 2 / x, "MulBackward0(ReciprocalBackward0, None)"),
        (lambda x: x.exp(), "ExpBackward0(AccumulateGrad)"),
        (lambda x: x.log1p(), "Log1PBackward0(AccumulateGrad)"),
        (lambda x: x.t().reshape(4), "UnsafeViewBackward0(CloneBackward0)"),
        (lambda x: x.t().contiguous(), "CloneBackward0(TBackward0)"),
        (lambda x: x[0, 1], "SelectBackward0(SelectBackward0)"),
        (lambda x: x.sum(0), "SumBackward1(AccumulateGrad)"),
    ],
)
def test_names_and_edges(make, graph):
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert chain(make(x).grad_fn, 1) == graph


def test_power_names_tell_tensors_from_numbers():
    x = leaf(2.0)
    names = [type(y.grad_fn).__name__ for y in (x**2, x**x, 2**x)]
    assert names == ["PowBackward0", "PowBackward1", "PowBackward2"]


def test_node_objects():
    x = leaf(1.0, 2.0)
    y = x.exp()
    node = y.grad_fn
    assert node is y.grad_fn
    assert type(node) is type(x.exp().grad_fn)
    assert isinstance(node, torch.autograd.graph.Node)
    assert node.metadata == {}
    node.metadata["note"] = 1
    assert y.grad_fn.metadata == {"note": 1}
    assert node.next_functions[0][0].variable is x
    assert node._saved_result.tolist() == y.tolist()
    assert node._saved_result.grad_fn is node
    with pytest.raises(AttributeError, match="'ExpBackward0' object has no attribute 'variable'"):
        _ = node.variable
    y.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        _ = node._saved_result


def test_gradients_accumulate_in_place():
    x = leaf(1.0)
    (x * 2).backward()
    first = x.grad
    (x * 3).backward()
    assert x.grad is first
    assert first.item() == 5.0


def test_backward_twice():
    x = leaf(1.0)
    y = (x * 2).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 4.0
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()
    z = x.sum()
    z.backward()
    z.backward()


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: (x * 2).backward(), RuntimeError, "only for scalar outputs"),
        (lambda x: (x * 2).backward(torch.ones(3)), RuntimeError, "Mismatch in shape"),
        (lambda x: torch.ones(()).backward(), RuntimeError, "does not require grad and does not"),
        (lambda x: (x * 2).sum().backward([1.0]), TypeError, "either Tensors or None, but got"),
        (lambda x: x.sum().backward(inputs=[]), RuntimeError, "cannot be empty"),
        (
            lambda x: torch.autograd.grad(x.sum(), [x, leaf(1.0)]),
            RuntimeError,
            "appears to not have been used in the graph",
        ),
        (
            lambda x: torch.autograd.grad(x.sum(), [torch.ones(1)]),
            RuntimeError,
            "One of the differentiated Tensors does not require grad",
        ),
        (
            lambda x: (x.sum() * 1j).backward(),
            RuntimeError,
            "only for real scalar outputs but got",
        ),
    ],
)
def test_refusals(call, kind, message):
    with pytest.raises(kind, match=message):
        call(leaf(1.0, 2.0))


def test_grad_with_unused_and_materialized():
    x, w = leaf(1.0), leaf(2.0)
    assert torch.autograd.grad(x * 2, (x, w), allow_unused=True)[1] is None
    grads = torch.autograd.grad(x * 2, (x, w), materialize_grads=True)
    assert [g.item() for g in grads] == [2.0, 0.0]
    with pytest.raises(ValueError, match="Expected allow_unused to be True or not passed"):
        torch.autograd.grad(x * 2, x, allow_unused=False, materialize_grads=True)
    assert x.grad is None


def test_grads_of_a_batch_are_rows_of_the_jacobian():
    x, w = leaf(1.0, 2.0), leaf(1.0)
    y = x**2
    grads = torch.autograd.grad(
        y, (x, w), torch.eye(2), is_grads_batched=True, allow_unused=True, create_graph=True
    )
    assert grads[0].tolist() == [[2.0, 0.0], [0.0, 4.0]] and grads[0].requires_grad
    assert grads[1] is None
    with pytest.raises(RuntimeError, match="we interpret the first dimension"):
        torch.autograd.grad(y, x, torch.ones(3, 3), is_grads_batched=True)
    with pytest.raises(ValueError, match="same size in the mapped dimension"):
        torch.autograd.grad((y, y), x, (torch.eye(2), torch.ones(3, 2)), is_grads_batched=True)


def test_backward_into_chosen_inputs():
    x, w = leaf(1.0), leaf(3.0)
    y = x * w
    (y * y).backward(inputs=[x, y])
    assert (x.grad.item(), y.grad.item(), w.grad) == (18.0, 6.0, None)


def test_create_graph_keeps_a_history_of_the_gradient():
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    assert x.grad.requires_grad
    (second,) = torch.autograd.grad(x.grad, x)
    assert second.item() == 12.0


def test_layout_of_gradients():
    x = torch.ones(2, 3).t().requires_grad_()
    (x * 2).sum().backward()
    assert x.grad.stride() == (1, 3)
    x = torch.ones(2, 1).expand(2, 3).detach().requires_grad_()
    (x * 2).sum().backward()
    assert x.grad.stride() == (3, 1)


def test_gradients_do_not_share_memory_with_seeds():
    x, y, seed = leaf(1.0, 1.0), leaf(1.0, 1.0), torch.ones(2, dtype=torch.float64)
    (x + y).backward(seed)
    x.grad.add_(1)
    assert (y.grad.tolist(), seed.tolist()) == ([1.0, 1.0], [1.0, 1.0])


def test_modes():
    x = leaf(1.0)
    with torch.no_grad():
        assert not (x * 2).requires_grad
        with torch.enable_grad():
            assert (x * 2).requires_grad
    with torch.inference_mode():
        y = x * 2
        assert y.is_inference()
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        x * y

    @torch.no_grad()
    def plain(v):
        return v * 2

    @torch.no_grad
    def bare(v):
        return v * 2

    assert not plain(x).requires_grad
    assert not bare(x).requires_grad
    torch.set_grad_enabled(False)
    assert not (x * 2).requires_grad
    torch.set_grad_enabled(True)


def test_modes_of_generators_hold_inside_only():
    @torch.no_grad()
    def values():
        for _ in range(2):
            yield torch.is_grad_enabled()

    states = []
    for inside in values():
        states += [inside, torch.is_grad_enabled()]
    assert states == [False, True, False, True]


def test_requires_grad_rules():
    with pytest.raises(RuntimeError, match="only Tensors of floating point and complex dtype"):
        torch.tensor([1]).requires_grad = True
    y = leaf(1.0) * 2
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf"):
        y.requires_grad = False
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf"):
        y.requires_grad = True
    y.requires_grad_()
    y.detach_()
    assert (y.requires_grad, y.grad_fn) == (False, None)


def test_data_keeps_identity_and_forgets_the_old_shape():
    x = leaf(1.0, 2.0)
    y = x * 2
    x.data = torch.ones(3, dtype=torch.float32)
    del y
    (x * 2).sum().backward()
    assert (x.grad.tolist(), x.grad.dtype) == ([2.0, 2.0, 2.0], torch.float32)
    with pytest.raises(TypeError, match="Variable data has to be a tensor, but got int"):
        x.data = 3
    with pytest.raises(RuntimeError, match="must be floating point or complex dtype"):
        x.data = torch.ones(3, dtype=torch.int64)


def test_gradients_at_the_edge_of_the_domain():
    """Where a formula would give 0 * inf."""
    zero = torch.zeros(2, dtype=torch.float64)
    for make in (lambda t: t ** torch.zeros(2), lambda t: zero**t, lambda t: 0.0**t):
        x = leaf(0.0, 0.0)
        make(x).sum().backward()
        assert x.grad.tolist() == [0.0, 0.0]
    x = leaf(0.0, 1.0)
    torch.atan2(x, zero).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]


def test_deep_chain():
    x = leaf(1.0)
    y = x * 1
    for _ in range(1_000_000):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1.0
    start = time.perf_counter()
    del y
    gc.collect()
    assert time.perf_counter() - start < 5


def test_diamond_chain_is_walked_once():
    x = leaf(1.0)
    y = x * 1
    for _ in range(60):
        y = y * 0.5 + y * 0.5
    y.backward()
    assert x.grad.item() == 1.0


def test_nothing_leaks():
    def step():
        x = leaf(1.0, 2.0)
        y = (x * x).exp().sum()
        y.backward(create_graph=True)
        x.grad.sum().backward()
        x.grad = None

    step()
    gc.collect()
    before = torch._C._live_counts()
    for _ in range(20):
        step()
    gc.collect()
    assert torch._C._live_counts() == before


def test_threads_share_a_graph():
    x = leaf(*range(8))
    y = (x * x).sum()
    threads = [threading.Thread(target=lambda: y.backward(retain_graph=True)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert x.grad.tolist() == [16.0 * v for v in range(8)]


def test_anomaly_mode_names_the_op_and_its_place():
    x = leaf(0.0)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with torch.autograd.detect_anomaly():
            y = (x.sqrt() * 0).sum()
            with pytest.raises(RuntimeError, match="'SqrtBackward0' returned nan values in its"):
                y.backward()
    texts = [str(w.message) for w in seen]
    assert any("Anomaly Detection has been enabled" in text for text in texts)
    report = next(text for text in texts if "Error detected in SqrtBackward0" in text)
    assert "y = (x.sqrt() * 0).sum()" in report


def test_anomaly_mode_without_forward_information():
    y = (leaf(0.0).sqrt() * 0).sum()
    with (
        torch.autograd.set_detect_anomaly(True),
        pytest.warns(UserWarning, match="No forward pass information available"),
        pytest.raises(RuntimeError, match="returned nan values"),
    ):
        y.backward()
    assert torch._C._anomaly_mode() == (False, False)


def test_anomaly_mode_may_skip_the_search():
    x = leaf(0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.autograd.detect_anomaly(check_nan=False):
            (x.sqrt() * 0).sum().backward()
    assert x.grad.isnan().all()


def test_a_first_gradient_of_a_transposed_weight_lies_as_the_weight_does() -> None:
    x, w = torch.randn(4, 5), torch.randn(8, 5, requires_grad=True)
    t = w.detach().t().requires_grad_()
    assert torch.autograd.grad((x @ t).sum(), t)[0].stride() == (1, 5)
    (x @ w.t()).sum().backward()
    assert w.grad.stride() == (5, 1)
    torch.testing.assert_close(w.grad, x.sum(0).expand(8, 5))


def test_a_sum_that_is_scaled_by_one_leads_to_its_operands() -> None:
    x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    for one in (1, 1.0):
        for total in (torch.add(x, y, alpha=one), torch.sub(x, y, alpha=one)):
            nodes = [node.name() for node, _ in total.grad_fn.next_functions]
            assert nodes == ["torch::autograd::AccumulateGrad"] * 2


def test_a_first_gradient_that_somebody_holds_is_copied() -> None:
    x, seed = torch.randn(3, requires_grad=True), torch.ones(3)
    (x + 0).backward(seed)
    x.grad.zero_()
    assert seed.tolist() == [1, 1, 1]
    a, b = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)
    (a + b).backward(seed)
    a.grad.zero_()
    assert b.grad.tolist() == [1, 1, 1]
    held = []
    x.grad = None
    y = x * 2
    y.register_hook(held.append)
    (y + x.detach()).backward(seed)
    x.grad.zero_()
    assert held[0].tolist() == [1, 1, 1]
