"""Checkpointing: the same numbers as without, run twice, in both variants."""

import gc
import warnings
import weakref

import pytest

import pyrite
from pyrite import nn
from pyrite.nn import functional as F
from pyrite.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    noop_context_fn,
)


@pytest.fixture(params=[False, True], ids=["without-reentry", "reentrant"])
def reentrant(request):
    return request.param


class Part(nn.Module):
    """A layer with dropout that counts its runs."""

    def __init__(self):
        super().__init__()
        pyrite.manual_seed(1)
        self.layer = nn.Linear(4, 4)
        self.runs = 0

    def forward(self, x, scale=1.0):
        self.runs += 1
        return F.dropout(self.layer(x).tanh(), 0.5) * scale


def gradients(part, run):
    pyrite.manual_seed(0)
    part.zero_grad()
    x = pyrite.ones(3, 4, requires_grad=True)
    y = run(x)
    y.pow(2).sum().backward()
    grads = [x.grad, *(param.grad for param in part.parameters())]
    return [y.tolist(), *(grad.tolist() for grad in grads), pyrite.rand(2).tolist()]


def test_same_numbers(reentrant):
    part = Part()
    expected = gradients(part, part)
    part.runs = 0
    assert gradients(part, lambda x: checkpoint(part, x, use_reentrant=reentrant)) == expected
    assert part.runs == 2


def test_draws_differ_without_preserved_state(reentrant):
    part = Part()
    expected = gradients(part, part)
    found = gradients(
        part, lambda x: checkpoint(part, x, use_reentrant=reentrant, preserve_rng_state=False)
    )
    assert found[0] == expected[0]
    assert found[1] != expected[1]


def test_keyword_arguments():
    part = Part()
    expected = gradients(part, lambda x: part(x, scale=3.0))
    run = lambda x: checkpoint(part, x, use_reentrant=False, scale=3.0)  # noqa: E731
    assert gradients(part, run) == expected
    with pytest.raises(ValueError, match="Unexpected keyword arguments: scale"):
        checkpoint(part, pyrite.ones(3, 4), use_reentrant=True, scale=3.0)


def test_nested():
    part = Part()

    def plain(x):
        return part(x.sin()) + part(x.cos())

    def outer(x):
        return checkpoint(part, x.sin(), use_reentrant=False) + checkpoint(
            part, x.cos(), use_reentrant=False
        )

    expected = gradients(part, plain)
    found = gradients(part, lambda x: checkpoint(outer, x, use_reentrant=False))
    for a, b in zip(found, expected, strict=True):
        assert pyrite.allclose(pyrite.tensor(a), pyrite.tensor(b))


def test_second_derivative():
    x = pyrite.tensor([0.5, 1.0], dtype=pyrite.float64, requires_grad=True)
    y = checkpoint(lambda x: x.sin() * x.exp(), x, use_reentrant=False)
    (grad,) = pyrite.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = pyrite.autograd.grad(grad.sum(), x)
    expected = 2 * x.detach().cos() * x.detach().exp()
    assert pyrite.allclose(second, expected)


def test_backward_twice():
    part = Part()
    y = checkpoint(part, pyrite.ones(3, 4, requires_grad=True), use_reentrant=False).sum()
    y.backward(retain_graph=True)
    first = part.layer.weight.grad.clone()
    y.backward()
    assert pyrite.allclose(part.layer.weight.grad, 2 * first)
    assert part.runs == 3


def test_partial_backward():
    x = pyrite.tensor([1.0, 2.0], requires_grad=True)
    a, b = checkpoint(lambda x: (x.sin(), x.exp()), x, use_reentrant=False)
    a.sum().backward()
    assert pyrite.allclose(x.grad, x.detach().cos())
    b.sum().backward()
    assert pyrite.allclose(x.grad, x.detach().cos() + x.detach().exp())


def test_activations_are_not_kept():
    kept = []

    def function(x):
        y = x.sin()
        kept.append(weakref.ref(y))
        return y.exp().sum()

    x = pyrite.ones(3, requires_grad=True)
    loss = checkpoint(function, x, use_reentrant=False)
    gc.collect()
    assert kept[0]() is None
    loss.backward()
    assert pyrite.allclose(x.grad, x.detach().sin().exp() * x.detach().cos())


def test_input_written_afterwards():
    x = pyrite.ones(3, requires_grad=True) * 1
    y = checkpoint(lambda x: x.sin(), x, use_reentrant=False)
    with pyrite.no_grad():
        x.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize(
    ("second", "text"),
    [
        (lambda x: x.sin().exp(), "A different number of tensors was saved"),
        (lambda x: x[:2].clone().sin(), "different metadata than during the forward pass"),
    ],
)
def test_second_run_that_differs(second, text):
    runs = []

    def function(x):
        runs.append(1)
        return x.clone().sin() if len(runs) == 1 else second(x)

    y = checkpoint(function, pyrite.ones(3, requires_grad=True), use_reentrant=False)
    with pytest.raises(CheckpointError, match=text):
        y.sum().backward()


def test_contexts():
    log = []

    class Log:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            log.append(self.name)

        def __exit__(self, *exc_info):
            return None

    def contexts():
        return Log("first"), Log("second")

    x = pyrite.ones(2, requires_grad=True)
    y = checkpoint(lambda x: x.sin(), x, use_reentrant=False, context_fn=contexts)
    assert log == ["first"]
    y.sum().backward()
    assert log == ["first", "second"]
    with pytest.raises(ValueError, match="only supported when use_reentrant=False"):
        checkpoint(lambda x: x, x, use_reentrant=True, context_fn=contexts)
    assert len(noop_context_fn()) == 2


def test_autocast_is_repeated(reentrant):
    part = nn.Linear(4, 4)
    dtypes = []

    def function(x):
        y = part(x)
        dtypes.append(y.dtype)
        return y

    with pyrite.autocast("cpu", dtype=pyrite.bfloat16):
        y = checkpoint(function, pyrite.ones(2, 4, requires_grad=True), use_reentrant=reentrant)
    y.float().sum().backward()
    assert dtypes == [pyrite.bfloat16, pyrite.bfloat16]


def test_without_gradients():
    part = Part().eval()
    with pyrite.no_grad():
        y = checkpoint(part, pyrite.ones(3, 4), use_reentrant=False)
    assert not y.requires_grad
    assert part.runs == 1


def test_reentrant_needs_plain_backward():
    x = pyrite.ones(3, requires_grad=True)
    y = checkpoint(lambda x: x.sin(), x, use_reentrant=True)
    with pytest.raises(RuntimeError, match=r"incompatible with \.grad\(\)"):
        pyrite.autograd.grad(y.sum(), x)


def test_reentrant_warns_without_gradients():
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        checkpoint(lambda x: x.sin(), pyrite.ones(3), use_reentrant=True)


def test_variant_is_to_be_named():
    x = pyrite.ones(3, requires_grad=True)
    with pytest.warns(UserWarning, match="use_reentrant parameter should be passed explicitly"):
        checkpoint(lambda x: x.sin(), x)
    with pytest.warns(UserWarning, match="use_reentrant parameter should be passed explicitly"):
        checkpoint_sequential([pyrite.sin, pyrite.exp], 2, x)
    with pytest.raises(NotImplementedError, match="debug=True is not available"):
        checkpoint(lambda x: x, x, use_reentrant=False, debug=True)


@pytest.mark.parametrize("segments", [1, 2, 3, 5])
def test_sequential(segments, reentrant):
    pyrite.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(5)))
    x = pyrite.ones(2, 4, requires_grad=True)
    model(x).sum().backward()
    expected, x.grad = x.grad, None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checkpoint_sequential(model, segments, x, use_reentrant=reentrant).sum().backward()
    assert pyrite.allclose(x.grad, expected)
