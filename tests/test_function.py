"""`autograd.Function`: protocol, aliasing rules, errors, lifetime. Facts from PyTorch 2.13.0."""

from __future__ import annotations

import gc
import warnings
import weakref

import pytest

import pyrite as torch
from pyrite.autograd import Function
from pyrite.autograd.function import once_differentiable


class Square(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 2 * x * grad


class Exp(Function):
    """Saves its output."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * y


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_gradient_and_node():
    x = leaf(1.0, -2.0)
    y = Square.apply(x)
    assert y.grad_fn.name() == type(y.grad_fn).__name__ == "SquareBackward"
    assert type(y.grad_fn.next_functions[0][0]).__name__ == "AccumulateGrad"
    assert y.grad_fn is y.grad_fn
    y.sum().backward()
    assert x.grad.tolist() == [2.0, -4.0]


def test_second_derivatives():
    x = leaf(3.0)
    (first,) = torch.autograd.grad(Square.apply(x), x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    assert (first.item(), second.item()) == (6.0, 2.0)
    x = leaf(0.0, 1.0)
    assert torch.autograd.gradgradcheck(Exp.apply, (x,))


def test_saved_values_go_with_the_graph():
    x = leaf(1.0)
    y = Square.apply(x)
    y.backward(retain_graph=True)
    assert y.grad_fn.saved_tensors[0] is x
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()
    with pytest.raises(RuntimeError, match="directly access saved tensors"):
        _ = y.grad_fn.saved_tensors


def test_saved_value_written_since():
    x = leaf(1.0) * 1
    y = Square.apply(x)
    x.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_setup_context_with_defaults():
    class Scaled(Function):
        @staticmethod
        def forward(x, factor=2.0):
            return x * factor + 1.0

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.factor = inputs[1]
            ctx.seen = (len(inputs), output.requires_grad)

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.factor, None

    x = leaf(1.0)
    y = Scaled.apply(x)
    assert y.grad_fn.seen == (2, False)
    y.backward()
    assert (y.item(), x.grad.item()) == (3.0, 2.0)


def test_forward_records_nothing_and_without_grad_nothing_is_kept():
    modes = []

    class Probe(Function):
        @staticmethod
        def forward(ctx, x):
            modes.append((torch.is_grad_enabled(), ctx.needs_input_grad))
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            modes.append(torch.is_grad_enabled())
            return grad * 2

    x = leaf(1.0)
    y = Probe.apply(x)
    torch.autograd.grad(y, x, create_graph=True)
    with torch.no_grad():
        assert not Probe.apply(x).requires_grad
    assert Probe.apply(torch.ones(1)).grad_fn is None
    assert modes == [(False, (True,)), True, (False, (True,)), (False, (False,))]


def test_other_inputs_and_outputs():
    seen = []

    class Mixed(Function):
        @staticmethod
        def forward(ctx, x, k, nothing, y):
            ctx.k = k
            return x * k, "text", None, y * k

        @staticmethod
        def backward(ctx, *grads):
            seen.append([g if g is None else g.tolist() for g in grads])
            return grads[0] * ctx.k, None, None, grads[3] * ctx.k

    x, y = leaf(1.0), leaf(2.0)
    a, text, nothing, b = Mixed.apply(x, 3, None, y)
    assert (text, nothing, b.tolist()) == ("text", None, [6.0])
    a.backward()
    assert seen == [[[1.0], None, None, [0.0]]]
    assert (x.grad.tolist(), y.grad.tolist()) == ([3.0], [0.0])


def test_absent_gradients_as_none():
    class Pair(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, g, h):
            assert h is None
            return g

    x = leaf(1.0)
    Pair.apply(x)[0].backward()
    assert x.grad.item() == 1.0


def test_input_returned_as_it_is_becomes_a_view():
    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 5

    x = leaf(1.0)
    y = Same.apply(x)
    assert y is not x
    assert y.data_ptr() == x.data_ptr()
    y.backward()
    assert x.grad.item() == 5.0
    with pytest.raises(RuntimeError, match="created inside a custom Function"):
        Same.apply(x * 1).mul_(2)


def test_view_output_may_not_be_written():
    class Flat(Function):
        @staticmethod
        def forward(ctx, x):
            return x.view(-1)

        @staticmethod
        def backward(ctx, grad):
            return grad.view(1, -1)

    y = Flat.apply(leaf(1.0, 2.0).reshape(1, 2) * 1)
    assert y._is_view()
    with pytest.raises(RuntimeError, match="Output 0 of Flat is a view and is being modified"):
        y.mul_(2)


class Triple(Function):
    """Works in place."""

    @staticmethod
    def forward(ctx, x):
        x.mul_(3)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, grad):
        return grad * 3


def test_dirty_input_moves_on():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = Triple.apply(y)
    assert z is y
    assert type(y.grad_fn).__name__ == "TripleBackward"
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        Triple.apply(leaf(1.0))


def test_dirty_view_reaches_its_base():
    x = leaf(1.0, 2.0, 4.0)
    base = x * 1
    Triple.apply(base[1:])
    (base * base).sum().backward()
    assert x.grad.tolist() == [2.0, 36.0, 72.0]


def test_dirty_but_not_returned():
    class Lost(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad

    with pytest.raises(RuntimeError, match="marked as dirty during the forward method"):
        Lost.apply(leaf(1.0) * 1)


def test_non_differentiable_outputs():
    class Sorted(Function):
        @staticmethod
        def forward(ctx, x):
            order = x.argsort()
            values, twice = x[order], x * 2
            ctx.mark_non_differentiable(order, twice)
            ctx.save_for_backward(order)
            return values, order, twice

        @staticmethod
        def backward(ctx, grad, _order, _twice):
            (order,) = ctx.saved_tensors
            result = torch.zeros_like(grad)
            result[order] = grad
            return result

    x = leaf(2.0, 1.0)
    values, order, twice = Sorted.apply(x)
    assert (order.requires_grad, twice.requires_grad) == (False, False)
    (values * torch.tensor([1.0, 10.0])).sum().backward()
    assert x.grad.tolist() == [10.0, 1.0]


def test_once_differentiable():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, grad):
            return 2 * ctx.saved_tensors[0] * grad

    x = leaf(3.0)
    (grad,) = torch.autograd.grad(Once.apply(x) ** 2, x, create_graph=True)
    assert grad.item() == 108.0
    with pytest.raises(RuntimeError, match="marked with @once_differentiable"):
        grad.backward()


def returning(result):
    """A Function of a tensor and a number whose backward returns `result(grad)`."""

    class Answer(Function):
        @staticmethod
        def forward(ctx, x, k):
            return x * k

        @staticmethod
        def backward(ctx, grad):
            return result(grad)

    return Answer.apply(leaf(1.0, 2.0), 1).sum()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda g: (g,), r"incorrect number of gradients \(expected 2, got 1\)"),
        (lambda g: (g, None, g), r"incorrect number of gradients \(expected 2, got 3\)"),
        (lambda g: (g, g), "gradient different than None at position 2"),
        (lambda g: ("text", None), r"expected Variable or None \(got str\)"),
        (lambda g: (g[:1].expand(3), None), "returned an invalid gradient at index 0 - got"),
    ],
)
def test_wrong_gradients(result, message):
    with pytest.raises(RuntimeError, match=message):
        returning(result).backward()


def test_surplus_nones_are_fine():
    returning(lambda g: (g, None, None, None)).backward()


def test_python_errors_pass_unchanged():
    class Custom(ValueError):
        pass

    error = Custom("boom")

    def fail(_grad):
        raise error

    with pytest.raises(Custom) as caught:
        returning(fail).backward()
    assert caught.value is error


def test_errors_of_the_protocol():
    class Empty(Function):
        pass

    class Number(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)
            return x * 1

    class Forward(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    class Both(Forward):
        @staticmethod
        def backward(ctx, g):
            return g

        @staticmethod
        def vjp(ctx, g):
            return g

    x = leaf(1.0)
    with pytest.raises(NotImplementedError, match="must implement the forward function"):
        Empty.apply(x)
    with pytest.raises(TypeError, match="save_for_backward can only save variables, but arg"):
        Number.apply(x)
    with pytest.raises(NotImplementedError, match="either the backward or vjp method"):
        Forward.apply(x).backward()
    with pytest.raises(RuntimeError, match="both 'backward' and 'vjp'"):
        Both.apply(x).backward()
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
        Square.apply(x, 1)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        Square()
    assert "should not be instantiated" in str(seen[0].message)
    with pytest.raises(TypeError, match="cannot create"):
        type((x * 1).grad_fn)()


def test_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0)
        before = torch._C._live_counts()
        y = Exp.apply(Square.apply(x))
        reference = weakref.ref(y)
        del y
        assert reference() is None
        assert torch._C._live_counts() == before
    finally:
        gc.enable()


def test_cycle_through_the_context_is_collected():
    class Keeps(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.output = x * 2
            return ctx.output

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    gc.collect()
    before = torch._C._live_counts()
    y = Keeps.apply(leaf(1.0))
    assert y.grad_fn.output is y
    reference = weakref.ref(y)
    del y
    gc.collect()
    assert reference() is None
    assert torch._C._live_counts() == before


def test_deep_chain_of_functions():
    class Step(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.x = x
            return x + 1

        @staticmethod
        def backward(ctx, grad):
            return grad

    x = leaf(0.0)
    y = x
    for _ in range(100_000):
        y = Step.apply(y)
    y.backward()
    assert (y.item(), x.grad.item()) == (100_000.0, 1.0)
    before = torch._C._live_counts()[0]
    del y
    assert torch._C._live_counts()[0] <= before - 100_000


def test_backward_inside_backward():
    class Nested(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            inner = x.detach().requires_grad_()
            with torch.enable_grad():
                (slope,) = torch.autograd.grad(inner**3, inner)
            return grad * slope

    x = leaf(2.0)
    Nested.apply(x).backward()
    assert x.grad.item() == 12.0
