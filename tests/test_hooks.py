"""Hooks on tensors, leaves, nodes and saved values. Facts from PyTorch 2.13.0."""

from __future__ import annotations

import gc
import weakref

import pytest

import pyrite as torch
from pyrite.autograd import graph


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_leaf_hooks_run_in_order_on_the_whole_gradient():
    x, seen = leaf(1.0), []
    x.register_hook(lambda g: seen.append(g.item()))
    x.register_hook(lambda g: g * 2)
    x.register_hook(lambda g: g + 1)
    (x.sum() + (x * x).sum()).backward()
    assert (seen, x.grad.item()) == ([3.0], 7.0)


def test_hook_on_a_result_replaces_what_flows_on():
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.retain_grad()
    (y * 3).backward()
    assert (y.grad.item(), x.grad.item()) == (30.0, 60.0)


def test_removed_hooks_are_silent():
    x = leaf(1.0)
    y = x * 1
    handles = [x.register_hook(lambda g: g * 2), y.register_hook(lambda g: g * 3)]
    for handle in handles:
        handle.remove()
        handle.remove()
    y.backward()
    assert x.grad.item() == 1.0
    with x.register_hook(lambda g: g * 2):
        x.sum().backward()
    x.sum().backward()
    assert x.grad.item() == 4.0


def test_hook_may_remove_itself_and_add_others():
    x, calls = leaf(1.0), []

    def once(grad):
        calls.append("once")
        handle.remove()
        x.register_hook(lambda g: calls.append("later"))

    handle = x.register_hook(once)
    x.sum().backward()
    x.sum().backward()
    assert calls == ["once", "later"]


def test_hooks_on_inputs_of_grad():
    x = leaf(1.0)
    x.register_hook(lambda g: g * 2)
    y = x * 3
    y.register_hook(lambda g: g * 5)
    grads = torch.autograd.grad(y * 1, (x, y), retain_graph=True)
    assert [g.item() for g in grads] == [30.0, 1.0]
    assert torch.autograd.grad(y * 1, y)[0].item() == 5.0


def test_post_accumulate_hook_comes_last_and_sees_the_leaf():
    x, calls = leaf(1.0), []
    x.register_hook(lambda g: calls.append("tensor"))

    def clear(p):
        calls.append((p is x, p.grad.item()))
        p.grad = None

    handle = x.register_post_accumulate_grad_hook(clear)
    (x * 2).backward()
    assert (calls, x.grad) == (["tensor", (True, 2.0)], None)
    handle.remove()
    (x * 2).backward()
    assert x.grad.item() == 2.0


def test_post_accumulate_hook_with_inputs():
    x, w, calls = leaf(1.0), leaf(2.0), []
    x.register_post_accumulate_grad_hook(lambda p: calls.append("x"))
    w.register_post_accumulate_grad_hook(lambda p: calls.append("w"))
    (x * w).backward(inputs=[x])
    assert (calls, w.grad) == (["x"], None)


def test_leaves_are_accumulated_as_soon_as_they_are_complete():
    # The loss of one step lives while the next one is computed, as in most training loops.
    leaves = {name: leaf(1.0) for name in ("first", "shared", "last")}
    order = []
    for name, parameter in leaves.items():
        parameter.register_post_accumulate_grad_hook(lambda _, name=name: order.append(name))
    first, shared, last = leaves.values()
    for _ in range(2):
        order.clear()
        x = (first * 2).exp()
        x.register_hook(lambda _: order.append("x"))
        y = (x * shared).exp() * shared
        y.register_hook(lambda _: order.append("y"))
        loss = (y * last).sum()
        loss.backward()
        assert order == ["last", "y", "shared", "x", "first"]


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (lambda g: 1.0, TypeError, "expected Variable, but hook returned 'float'"),
        (lambda g: g[:1], RuntimeError, "has changed the size of value"),
        (lambda g: g.float(), RuntimeError, "has changed the type of value"),
    ],
)
def test_wrong_replacements(answer, kind, message):
    x = leaf(1.0, 2.0)
    y = x * 1
    y.register_hook(answer)
    with pytest.raises(kind, match=message):
        y.sum().backward()


def test_who_may_have_hooks():
    plain = torch.ones(1)
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        plain.register_hook(lambda g: g)
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        plain.register_post_accumulate_grad_hook(lambda p: None)
    with pytest.raises(RuntimeError, match="cannot be registered on non-leaf tensors"):
        (leaf(1.0) * 1).register_post_accumulate_grad_hook(lambda p: None)


def test_hook_error_leaves_no_gradient_behind():
    x = leaf(1.0)
    y = x * 1

    def fail(grad):
        raise KeyError("boom")

    handle = y.register_hook(fail)
    with pytest.raises(KeyError, match="boom"):
        (y * 2).backward()
    assert x.grad is None
    handle.remove()
    y.backward()
    assert x.grad.item() == 1.0


def test_node_hooks():
    x, seen = leaf(1.0), []
    y = x * 2
    y.grad_fn.register_hook(lambda gi, go: seen.append((gi[0].item(), gi[1], go[0].item())))
    y.grad_fn.register_prehook(lambda go: (go[0] * 5,))
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 7, None))
    y.backward()
    assert (seen, x.grad.item()) == ([(10.0, None, 5.0)], 70.0)


def test_node_hook_answers_are_checked():
    y = leaf(1.0) * 2
    handle = y.grad_fn.register_hook(lambda gi, go: gi[0])
    with pytest.raises(TypeError, match="expected tuple, but hook returned"):
        y.backward(retain_graph=True)
    handle.remove()
    y.grad_fn.register_prehook(lambda go: (go[0], go[0]))
    with pytest.raises(RuntimeError, match="incorrect number of values"):
        y.backward()


def test_retained_gradient_moves_with_an_in_place_op():
    x = leaf(1.0)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    (y * y).backward()
    assert (y.grad.item(), x.grad.item()) == (12.0, 72.0)
    assert not x.retains_grad


def test_hook_holding_its_tensor_is_collected():
    def make(non_leaf):
        x = leaf(1.0)
        y = x * 2 if non_leaf else x
        y.register_hook(lambda g: y)
        return weakref.ref(y)

    for non_leaf in (True, False):
        reference = make(non_leaf)
        gc.collect()
        assert reference() is None


def test_multi_grad_hook():
    x, w, seen = leaf(1.0), leaf(2.0), []
    handle = graph.register_multi_grad_hook(
        (x, w), lambda grads: seen.append([g if g is None else g.item() for g in grads])
    )
    (x * w).backward()
    (x * 3).backward()
    handle.remove()
    (x * w).backward()
    assert seen == [[2.0, 1.0], [3.0, None]]
    first = []
    graph.register_multi_grad_hook((x, w), first.append, mode="any")
    (x * w).backward()
    (x * w).backward()
    assert len(first) == 2
    with pytest.raises(ValueError, match="mode to be one of"):
        graph.register_multi_grad_hook((x,), first.append, mode="some")


def test_saved_tensors_are_packed_and_unpacked():
    x, calls = leaf(1.0, 2.0), []

    def pack(tensor):
        calls.append("pack")
        return tensor.tolist()

    def unpack(values):
        calls.append("unpack")
        return torch.tensor(values, dtype=torch.float64)

    with graph.saved_tensors_hooks(pack, unpack):
        y = (x * x).exp()
    assert calls == ["pack"] * 3
    y.sum().backward()
    assert calls == ["pack"] * 3 + ["unpack"] * 3
    assert torch.allclose(x.grad, 2 * x.detach() * (x.detach() ** 2).exp())


def test_packed_values_can_be_differentiated_twice():
    x = leaf(2.0)
    with graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
        y = x**3
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    assert (first.item(), second.item()) == (12.0, 12.0)


def test_save_on_cpu():
    x = leaf(3.0)
    with graph.save_on_cpu():
        y = x * x
    y.backward()
    assert x.grad.item() == 6.0


def test_saved_tensor_hook_errors():
    x = leaf(1.0)
    with graph.saved_tensors_hooks(lambda t: t, lambda t: 3):
        y = x * x
    with pytest.raises(TypeError, match="unpack_hook expected to be a Tensor but got result of"):
        y.backward()
    with graph.saved_tensors_hooks(lambda t: t.add_(1), lambda t: t):
        with pytest.raises(RuntimeError, match="pack hook is modifying its input in place"):
            (x * 1) * (x * 1)
    with graph.disable_saved_tensors_hooks("not here"):
        with pytest.raises(RuntimeError, match="not here"):
            with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
                pass
    with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        with pytest.raises(RuntimeError, match="not here"):
            with graph.disable_saved_tensors_hooks("not here"):
                pass


def test_queue_callback_runs_at_the_end():
    from pyrite.autograd import Variable

    x, calls = leaf(1.0), []

    def hook(grad):
        Variable._execution_engine.queue_callback(lambda: calls.append(x.grad.item()))

    x.register_hook(hook)
    (x * 2).backward()
    assert calls == [2.0]
    with pytest.raises(RuntimeError, match="only be installed during backward pass"):
        Variable._execution_engine.queue_callback(lambda: None)
