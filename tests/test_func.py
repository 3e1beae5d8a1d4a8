"""Transforms of functions: every case of data/func.json, and an ensemble."""

from __future__ import annotations

import pytest

import pyrite as torch
from pyrite.func import functional_call, grad, stack_module_state, vmap
from recorded import cases, check


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("expression", "expected"), cases("func").items())
def test_outcome_is_pytorchs(expression, expected):
    check(expression, expected)


def test_an_ensemble_of_models_is_its_models():
    models = [torch.nn.Linear(3, 2) for _ in range(4)]
    parameters, buffers = stack_module_state(models)
    x = torch.randn(5, 3)

    def one(parameters, buffers, x):
        return functional_call(models[0], (parameters, buffers), (x,))

    found = vmap(one, in_dims=(0, 0, None))(parameters, buffers, x)
    assert torch.equal(found, torch.stack([model(x) for model in models]))
    found.sum().backward()
    assert parameters["weight"].grad.shape == (4, 2, 3)


def test_gradients_of_each_sample():
    model = torch.nn.Linear(3, 1)
    parameters = {name: value.detach() for name, value in model.named_parameters()}
    x, y = torch.randn(4, 3), torch.randn(4, 1)

    def loss(parameters, x, y):
        return (functional_call(model, parameters, (x,)) - y).square().sum()

    each = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, x, y)
    whole = grad(loss)(parameters, x, y)
    assert torch.allclose(each["weight"].sum(0), whole["weight"], atol=1e-5)


def test_a_transform_leaves_no_gradients_behind():
    weight = torch.ones(2, requires_grad=True)
    grad(lambda w: w.square().sum())(weight)
    assert weight.grad is None


def test_no_samples():
    with pytest.raises(NotImplementedError, match="no samples"):
        vmap(lambda x: x)(torch.ones(0, 2))
