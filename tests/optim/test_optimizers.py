"""Every optimizer follows the trajectory that PyTorch recorded (tests/data/record_optim.py)."""

import json
import math
from pathlib import Path

import pytest

import pyrite

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "optim.json").read_text())
IDS = [f"{case['name']}-{i}" for i, case in enumerate(RECORDED["optimizers"])]


def make_params(dtype=None):
    return [pyrite.nn.Parameter(pyrite.tensor(v, dtype=dtype)) for v in RECORDED["init"]]


def set_grads(params, step):
    for param, grad in zip(params, RECORDED["grads"][step], strict=True):
        param.grad = pyrite.tensor(grad, dtype=param.dtype)


def make(case, params):
    return getattr(pyrite.optim, case["name"])(params, **case["kwargs"])


def flatten(value):
    return [x for v in value for x in flatten(v)] if isinstance(value, list) else [value]


def assert_params(params, expected, rel=1e-5, abs=1e-6):
    for param, values in zip(params, expected, strict=True):
        assert flatten(param.tolist()) == pytest.approx(flatten(values), rel=rel, abs=abs)


@pytest.mark.parametrize("case", RECORDED["optimizers"], ids=IDS)
def test_trajectory(case):
    params = make_params()
    optimizer = make(case, params)
    for i, expected in enumerate(case["steps"]):
        set_grads(params, i)
        optimizer.step()
        assert_params(params, expected)


@pytest.mark.parametrize("case", RECORDED["optimizers"], ids=IDS)
def test_resumes_from_state_dict(case):
    params = make_params()
    optimizer = make(case, params)
    for i in range(2):
        set_grads(params, i)
        optimizer.step()
    copies = [pyrite.nn.Parameter(param.detach().clone()) for param in params]
    resumed = make(case, copies)
    resumed.load_state_dict(optimizer.state_dict())
    for i in range(2, len(case["steps"])):
        set_grads(copies, i)
        resumed.step()
    assert_params(copies, case["steps"][-1])


@pytest.mark.parametrize("case", RECORDED["optimizers"], ids=IDS)
def test_one_group_of_mixed_dtypes(case):
    params = make_params()
    double = pyrite.nn.Parameter(pyrite.tensor(RECORDED["init"][0], dtype=pyrite.float64))
    optimizer = make(case, [*params, double])
    for i in range(len(case["steps"])):
        set_grads(params, i)
        double.grad = pyrite.tensor(RECORDED["grads"][i][0], dtype=pyrite.float64)
        optimizer.step()
    assert double.dtype == pyrite.float64
    assert_params([*params, double], [*case["steps"][-1], case["steps"][-1][0]])


@pytest.mark.parametrize("case", RECORDED["optimizers"], ids=IDS)
def test_transposed_gradient(case):
    params = make_params()
    optimizer = make(case, params)
    for i in range(len(case["steps"])):
        set_grads(params, i)
        params[0].grad = params[0].grad.t().contiguous().t()
        optimizer.step()
    assert_params(params, case["steps"][-1])


@pytest.mark.parametrize("case", RECORDED["optimizers"], ids=IDS)
def test_parameters_without_gradient_stay(case):
    params = make_params()
    optimizer = make(case, params)
    set_grads(params, 0)
    params[1].grad = None
    optimizer.step()
    expected = list(case["steps"][0])
    expected[1] = RECORDED["init"][1]
    assert_params(params, expected)


def test_momentum_starts_when_a_gradient_first_comes():
    a, b = (pyrite.nn.Parameter(pyrite.zeros(1)) for _ in range(2))
    optimizer = pyrite.optim.SGD([a, b], lr=1.0, momentum=0.5, dampening=0.5)
    a.grad = pyrite.ones(1)
    optimizer.step()
    b.grad = pyrite.ones(1)
    optimizer.step()
    assert a.item() == -2.0  # buffers 1, then 0.5 * 1 + 0.5 * 1
    assert b.item() == -1.0


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta"])
def test_tensor_lr_follows_its_value(name):
    def run(lr, halve):
        params = make_params()
        optimizer = getattr(pyrite.optim, name)(params, lr=lr)
        for i in range(3):
            set_grads(params, i)
            optimizer.step()
            if i == 0:
                halve(optimizer)
        return [param.tolist() for param in params]

    def halve_number(optimizer):
        optimizer.param_groups[0]["lr"] *= 0.5

    tensor = pyrite.tensor(0.125)
    by_tensor = run(tensor, lambda optimizer: tensor.mul_(0.5))
    assert by_tensor == run(0.125, halve_number)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adadelta", "Adamax", "NAdam", "ASGD"])
def test_complex_parameters_are_pairs(name):
    pairs = pyrite.tensor([[0.5, -1.0], [2.0, 0.25]])
    grads = pyrite.tensor([[0.3, 0.1], [-0.2, 0.4]])
    real = pyrite.nn.Parameter(pairs.clone())
    comp = pyrite.nn.Parameter(pyrite.view_as_complex(pairs.clone()))
    for param in (real, comp):
        optimizer = getattr(pyrite.optim, name)([param], lr=0.1, weight_decay=0.1)
        for _ in range(3):
            param.grad = grads.clone() if param is real else pyrite.view_as_complex(grads.clone())
            optimizer.step()
    values = pyrite.view_as_real(comp.detach()).tolist()
    assert flatten(values) == pytest.approx(flatten(real.tolist()), rel=1e-6)


def test_muon_orthogonalises_the_update():
    weight = pyrite.nn.Parameter(pyrite.zeros(4, 8))
    optimizer = pyrite.optim.Muon([weight], lr=1.0, weight_decay=0.0, momentum=0.0)
    weight.grad = (pyrite.arange(32.0) ** 2).reshape(4, 8).sin()
    optimizer.step()
    gram = (weight @ weight.t()).tolist()
    for i, row in enumerate(gram):
        for j, value in enumerate(row):
            assert 0.4 < value < 1.6 if i == j else abs(value) < 0.4


@pytest.mark.parametrize("case", RECORDED["lbfgs"], ids=["fixed", "wolfe", "short-history"])
def test_lbfgs(case):
    x = pyrite.nn.Parameter(pyrite.tensor([-1.0, 1.5], dtype=pyrite.float64))
    optimizer = pyrite.optim.LBFGS([x], **case["kwargs"])

    def closure():
        optimizer.zero_grad()
        loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        loss.backward()
        return loss

    for loss, point in zip(case["losses"], case["points"], strict=True):
        assert optimizer.step(closure).item() == pytest.approx(loss, rel=1e-6)
        assert x.tolist() == pytest.approx(point, rel=1e-6)
    assert optimizer.state[x]["func_evals"] == case["func_evals"]


def test_lbfgs_rejects_an_unknown_line_search():
    x = pyrite.nn.Parameter(pyrite.ones(1))
    optimizer = pyrite.optim.LBFGS([x], line_search_fn="golden")

    def closure():
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        optimizer.step(closure)


def test_adam_reaches_a_minimum():
    x = pyrite.nn.Parameter(pyrite.tensor([3.0, -2.0]))
    optimizer = pyrite.optim.Adam([x], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        ((x - 1) ** 2).sum().backward()
        optimizer.step()
    assert all(math.isclose(value, 1.0, abs_tol=1e-2) for value in x.tolist())
