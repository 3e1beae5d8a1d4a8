"""Parameter groups, hooks, saving, printing and error texts of optimizers."""

import copy
import pickle

import pytest

import pyrite
from pyrite import optim
from pyrite.nn import Parameter

NAMES = [
    "SGD",
    "Adam",
    "AdamW",
    "RMSprop",
    "Adagrad",
    "Adadelta",
    "Adamax",
    "NAdam",
    "RAdam",
    "ASGD",
    "Rprop",
    "Adafactor",
]


@pytest.fixture
def param():
    return Parameter(pyrite.tensor([1.0, 2.0]))


def step(optimizer, *params):
    for p in params:
        p.grad = pyrite.ones_like(p)
    optimizer.step()


def test_repr(param):
    other = Parameter(pyrite.zeros(1))
    groups = [{"params": [param]}, {"params": [other], "lr": 0.5}]
    text = repr(optim.SGD(groups, lr=0.1))
    block = (
        "Parameter Group {}\n    dampening: 0\n    differentiable: False\n    foreach: None\n"
        "    fused: None\n    lr: {}\n    maximize: False\n    momentum: 0\n    nesterov: False\n"
        "    weight_decay: 0\n"
    )
    assert text == "SGD (\n" + block.format(0, 0.1) + "\n" + block.format(1, 0.5) + ")"


def test_groups_take_defaults(param):
    other = Parameter(pyrite.zeros(1))
    optimizer = optim.SGD([{"params": param, "lr": 0.5}], lr=0.1, momentum=0.9)
    optimizer.add_param_group({"params": [other]})
    first, second = optimizer.param_groups
    assert (first["lr"], first["momentum"]) == (0.5, 0.9)
    assert (second["lr"], second["momentum"]) == (0.1, 0.9)
    step(optimizer, param, other)
    assert param.tolist() == [0.5, 1.5]
    assert other.item() == pytest.approx(-0.1)


def test_named_parameters(param):
    optimizer = optim.SGD([("weight", param)], lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight"]
    assert optimizer.param_groups[0]["params"][0] is param
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight"]


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda p: p, TypeError, "should be an iterable of Tensors or dicts, but got"),
        (lambda p: [], ValueError, "optimizer got an empty parameter list"),
        (lambda p: [1], TypeError, "one of the params is int"),
        (lambda p: [p * 2], ValueError, "can't optimize a non-leaf Tensor"),
        (lambda p: [{"params": {p}}], TypeError, "organized in ordered collections"),
        (
            lambda p: [{"params": [p]}, {"params": [p]}],
            ValueError,
            "some parameters appear in more than one parameter group",
        ),
        (
            lambda p: [("a", p), Parameter(pyrite.zeros(1))],
            ValueError,
            "all optimizer params should be with/without names. Some param names are missing",
        ),
        (
            lambda p: [{"params": [p]}, {"params": [("a", Parameter(pyrite.zeros(1)))]}],
            ValueError,
            "cannot add param group with names to the optimizer",
        ),
    ],
)
def test_refused_params(param, make, error, text):
    with pytest.raises(error) as info:
        optim.SGD(make(param), lr=0.1)
    assert text in str(info.value)


def test_duplicates_warn(param):
    with pytest.warns(UserWarning, match="parameter group with duplicate parameters"):
        optim.SGD([param, param], lr=0.1)


def test_required_hyperparameter(param):
    class Custom(optim.Optimizer):
        pass

    from pyrite.optim.optimizer import required

    with pytest.raises(ValueError, match="didn't specify a value of required optimization"):
        Custom([param], {"lr": required})
    assert Custom([{"params": [param], "lr": 1.0}], {"lr": required}).param_groups[0]["lr"] == 1.0


@pytest.mark.parametrize(
    ("name", "kwargs", "text"),
    [
        ("SGD", {"lr": -1.0}, "Invalid learning rate: -1.0"),
        ("SGD", {"momentum": -0.1}, "Invalid momentum value: -0.1"),
        ("SGD", {"weight_decay": -0.1}, "Invalid weight_decay value: -0.1"),
        ("SGD", {"nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
        ("Adam", {"eps": -1.0}, "Invalid epsilon value: -1.0"),
        ("Adam", {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
        ("AdamW", {"betas": (0.9, -1.0)}, "Invalid beta parameter at index 1: -1.0"),
        ("Adam", {"lr": float("nan")}, "Invalid learning rate: nan"),
        ("RMSprop", {"alpha": -1.0}, "Invalid alpha value: -1.0"),
        ("Adagrad", {"lr_decay": -1.0}, "Invalid lr_decay value: -1.0"),
        ("Adadelta", {"rho": 2.0}, "Invalid rho value: 2.0"),
        ("Rprop", {"etas": (2.0, 3.0)}, "Invalid eta values: 2.0, 3.0"),
        ("Adafactor", {"d": 0.5}, "Clipping threshold d should be >= 1 but is: 0.5"),
        ("Muon", {"adjust_lr_fn": "x"}, "Adjust learning rate function x is not supported"),
        ("Muon", {}, "Muon only supports 2D parameters"),
    ],
)
def test_refused_hyperparameters(param, name, kwargs, text):
    with pytest.raises(ValueError) as info:
        getattr(optim, name)([param], **kwargs)
    assert text in str(info.value)


def test_tensor_lr_has_one_element(param):
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        optim.SGD([param], lr=pyrite.ones(2))


@pytest.mark.parametrize("option", ["differentiable", "capturable"])
def test_unavailable_options(param, option):
    with pytest.raises(NotImplementedError, match=option):
        optim.Adam([param], **{option: True})


def test_fused_excludes_foreach(param):
    with pytest.raises(RuntimeError, match="cannot be `True` together"):
        optim.Adam([param], fused=True, foreach=True)


@pytest.mark.parametrize("name", NAMES)
def test_inert_options_change_nothing(name):
    results = []
    for kwargs in ({}, {"foreach": True}, {"foreach": False}):
        p = Parameter(pyrite.tensor([[1.0, 2.0]]))
        optimizer = getattr(optim, name)([p], **kwargs)
        step(optimizer, p)
        results.append(p.tolist())
    assert results[0] == results[1] == results[2]


def test_closure_runs_with_gradients(param):
    optimizer = optim.SGD([param], lr=0.1)

    def closure():
        assert pyrite.is_grad_enabled()
        optimizer.zero_grad()
        loss = (param**2).sum()
        loss.backward()
        return loss

    with pyrite.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 5.0
    assert param.tolist() == pytest.approx([0.8, 1.6])


def test_step_keeps_parameters_leaves(param):
    optimizer = optim.Adam([param])
    step(optimizer, param)
    assert param.is_leaf
    assert param.requires_grad
    assert param.grad_fn is None


def test_step_counts_as_an_in_place_write(param):
    optimizer = optim.SGD([param], lr=0.1)
    loss = (param**2).sum()
    step(optimizer, param)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_zero_grad(param):
    optimizer = optim.SGD([param], lr=0.1)
    (param**2).sum().backward()
    grad = param.grad
    optimizer.zero_grad(set_to_none=False)
    assert param.grad is grad
    assert grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert param.grad is None


def test_hooks_run_in_order(param):
    optimizer = optim.SGD([param], lr=0.1)
    calls = []
    handles = [
        optimizer.register_step_pre_hook(lambda o, args, kwargs: calls.append("pre")),
        optimizer.register_step_post_hook(lambda o, args, kwargs: calls.append("post")),
        optim.optimizer.register_optimizer_step_pre_hook(lambda o, a, k: calls.append("all pre")),
        optim.optimizer.register_optimizer_step_post_hook(lambda o, a, k: calls.append("all post")),
    ]
    try:
        optimizer.step()
        assert calls == ["all pre", "pre", "post", "all post"]
    finally:
        for handle in handles:
            handle.remove()
    optimizer.step()
    assert len(calls) == 4


def test_pre_hook_replaces_arguments(param):
    optimizer = optim.SGD([param], lr=0.1)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: 7), {}))
    assert optimizer.step() == 7
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args"):
        optimizer.step()


def test_hooks_of_a_subclass(param):
    class Custom(optim.Optimizer):
        def step(self, closure=None):
            return "stepped"

    optimizer = Custom([param], {})
    calls = []
    optimizer.register_step_post_hook(lambda *args: calls.append("post"))
    assert optimizer.step() == "stepped"
    assert calls == ["post"]


def test_state_dict_hooks(param):
    optimizer = optim.SGD([param], lr=0.1)
    order = []
    optimizer.register_state_dict_pre_hook(lambda o: order.append("late"))
    optimizer.register_state_dict_pre_hook(lambda o: order.append("early"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, d: {**d, "extra": 1})
    saved = optimizer.state_dict()
    assert order == ["early", "late"]
    assert saved["extra"] == 1

    def halve(o, d):
        groups = [{**group, "lr": group["lr"] / 2} for group in d["param_groups"]]
        return {**d, "param_groups": groups}

    optimizer.register_load_state_dict_pre_hook(halve)
    optimizer.register_load_state_dict_post_hook(lambda o: order.append("loaded"))
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["lr"] == 0.05
    assert order[-1] == "loaded"


def test_state_dict_layout(param):
    other = Parameter(pyrite.zeros(3))
    optimizer = optim.Adam([{"params": [param]}, {"params": [other]}], amsgrad=True)
    step(optimizer, other)
    saved = optimizer.state_dict()
    assert [group["params"] for group in saved["param_groups"]] == [[0], [1]]
    assert list(saved["state"]) == [1]
    state = saved["state"][1]
    assert list(state) == ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]
    assert state["step"].dtype == pyrite.float32
    assert state["step"].item() == 1.0
    assert state["exp_avg"] is optimizer.state[other]["exp_avg"]


def test_sgd_without_momentum_has_no_state(param):
    optimizer = optim.SGD([param], lr=0.1)
    step(optimizer, param)
    assert optimizer.state_dict()["state"] == {}


def test_loading_casts_state_but_not_steps(param):
    optimizer = optim.Adam([param])
    step(optimizer, param)
    double = Parameter(param.detach().double())
    loaded = optim.Adam([double])
    loaded.load_state_dict(optimizer.state_dict())
    assert loaded.state[double]["exp_avg"].dtype == pyrite.float64
    assert loaded.state[double]["step"].dtype == pyrite.float32
    step(loaded, double)
    assert loaded.state[double]["step"].item() == 2.0


def test_loading_refuses_other_groups(param):
    saved = optim.SGD([param], lr=0.1).state_dict()
    other = Parameter(pyrite.zeros(1))
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optim.SGD([{"params": [param]}, {"params": [other]}], lr=0.1).load_state_dict(saved)
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        optim.SGD([param, other], lr=0.1).load_state_dict(saved)


def test_loading_leaves_the_saved_dictionary_alone(param):
    optimizer = optim.Adam([param])
    step(optimizer, param)
    saved = optimizer.state_dict()
    before = copy.deepcopy(saved)
    optim.Adam([Parameter(pyrite.zeros(2))]).load_state_dict(saved)
    assert saved["param_groups"] == before["param_groups"]
    assert list(saved["state"]) == list(before["state"])


def test_old_states_are_completed(param):
    optimizer = optim.Adam([param])
    step(optimizer, param)
    saved = copy.deepcopy(optimizer.state_dict())
    saved["state"][0]["step"] = 1
    del saved["param_groups"][0]["maximize"]
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["maximize"] is False
    step(optimizer, param)
    assert optimizer.state[param]["step"].item() == 2.0


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_step_alike(param, copier):
    optimizer = optim.Adam([param])
    step(optimizer, param)
    twin = copier(optimizer)
    copied = twin.param_groups[0]["params"][0]
    assert copied is not param
    assert twin.state[copied]["exp_avg"].tolist() == optimizer.state[param]["exp_avg"].tolist()
    step(optimizer, param)
    step(twin, copied)
    assert copied.tolist() == param.tolist()


def test_adagrad_starts_with_state(param):
    optimizer = optim.Adagrad([param], initial_accumulator_value=0.5)
    assert optimizer.state[param]["sum"].tolist() == [0.5, 0.5]
    assert not optimizer.state[param]["sum"].requires_grad


def test_complex_parameters_are_refused_where_unsupported():
    p = Parameter(pyrite.zeros(2, dtype=pyrite.complex64))
    optimizer = optim.Adafactor([p])
    p.grad = pyrite.ones_like(p)
    with pytest.raises(RuntimeError, match="Adafactor does not support complex parameters"):
        optimizer.step()


def test_lbfgs_has_one_group(param):
    groups = [{"params": [param]}, {"params": [Parameter(pyrite.zeros(1))]}]
    with pytest.raises(ValueError, match="LBFGS doesn't support per-parameter options"):
        optim.LBFGS(groups)


def test_step_of_the_base_is_abstract(param):
    with pytest.raises(NotImplementedError):
        optim.Optimizer([param], {}).step()
