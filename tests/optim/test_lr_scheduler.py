"""Schedules follow PyTorch's recorded rates (data/record_optim.py); warnings, saving, errors."""

import json
import math
import pickle
import warnings
from pathlib import Path

import pytest

import pyrite
from pyrite.nn import Parameter
from pyrite.optim import SGD, Adam, lr_scheduler

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "optim.json").read_text())
IDS = [f"{case['name']}-{i}" for i, case in enumerate(RECORDED["schedulers"])]


def make_optimizer(lr=0.1):
    params = [Parameter(pyrite.zeros(1)) for _ in range(2)]
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.04}]
    return SGD(groups, lr=lr, momentum=0.9)


def make(case, optimizer):
    return getattr(lr_scheduler, case["name"])(optimizer, **case["kwargs"])


def rates(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


def advance(optimizer, scheduler, steps=1):
    for _ in range(steps):
        optimizer.step()
        scheduler.step()


def assert_log(optimizer, expected):
    for group, values in zip(optimizer.param_groups, expected, strict=True):
        assert [group["lr"], group["momentum"]] == pytest.approx(values, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("case", RECORDED["schedulers"], ids=IDS)
def test_recorded_rates(case):
    optimizer = make_optimizer()
    scheduler = make(case, optimizer)
    assert_log(optimizer, case["log"][0])
    for expected in case["log"][1:]:
        advance(optimizer, scheduler)
        assert_log(optimizer, expected)
        assert scheduler.get_last_lr() == rates(optimizer)


@pytest.mark.parametrize("case", RECORDED["schedulers"], ids=IDS)
def test_resumes_through_pickle(case):
    optimizer = make_optimizer()
    scheduler = make(case, optimizer)
    advance(optimizer, scheduler, 4)
    saved = pickle.loads(pickle.dumps((optimizer.state_dict(), scheduler.state_dict())))
    second = make_optimizer()
    resumed = make(case, second)
    second.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    for expected in case["log"][5:]:
        advance(second, resumed)
        assert_log(second, expected)


@pytest.mark.parametrize(
    "name", ["StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR"]
)
def test_closed_form_agrees_with_chain(name):
    case = next(case for case in RECORDED["schedulers"] if case["name"] == name)
    optimizer = make_optimizer()
    scheduler = make(case, optimizer)
    for epoch in range(1, 6):
        with pytest.warns(UserWarning, match="The epoch parameter in `scheduler.step\\(\\)`"):
            optimizer.step()
            scheduler.step(epoch)
        assert_log(optimizer, case["log"][epoch])


def test_lambda():
    optimizer = make_optimizer()
    scheduler = lr_scheduler.LambdaLR(optimizer, [lambda e: 1 / (e + 1), lambda e: 2.0**e])
    advance(optimizer, scheduler, 2)
    assert rates(optimizer) == pytest.approx([0.1 / 3, 0.16])
    with pytest.raises(ValueError, match="Expected 2 lr_lambdas, but got 1"):
        lr_scheduler.LambdaLR(optimizer, [lambda e: 1.0])


def test_multiplicative():
    optimizer = make_optimizer()
    scheduler = lr_scheduler.MultiplicativeLR(optimizer, lambda e: 1 / e)
    advance(optimizer, scheduler, 3)
    assert rates(optimizer) == pytest.approx([0.1 / 6, 0.04 / 6])
    with pytest.raises(TypeError, match="lr_lambda should be a function, but got float"):
        lr_scheduler.MultiplicativeLR(optimizer, 0.5)


def test_callable_objects_are_saved():
    class Decay:
        def __init__(self, base):
            self.base = base

        def __call__(self, epoch):
            return self.base**epoch

    scheduler = lr_scheduler.LambdaLR(make_optimizer(), [Decay(0.5), lambda e: 1.0])
    saved = scheduler.state_dict()
    assert saved["lr_lambdas"] == [{"base": 0.5}, None]
    assert "optimizer" not in saved
    other = lr_scheduler.LambdaLR(make_optimizer(), [Decay(0.25), lambda e: 1.0])
    other.load_state_dict(saved)
    assert other.lr_lambdas[0].base == 0.5
    assert saved["lr_lambdas"] == [{"base": 0.5}, None]


def test_sequential_begins_each_part_at_its_start():
    optimizer = make_optimizer()
    warmup = lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    decay = lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    scheduler = lr_scheduler.SequentialLR(optimizer, [warmup, decay], milestones=[2])
    seen = [rates(optimizer)[0]]
    for _ in range(4):
        advance(optimizer, scheduler)
        seen.append(rates(optimizer)[0])
        assert scheduler.get_last_lr() == rates(optimizer)
    assert seen == pytest.approx([0.05, 0.075, 0.1, 0.05, 0.025])


def test_sequential_checks_its_members():
    optimizer = make_optimizer()
    step = lr_scheduler.StepLR(optimizer, 1)
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer)
    other = lr_scheduler.StepLR(make_optimizer(), 1)
    sequential = lr_scheduler.SequentialLR
    with pytest.raises(ValueError, match="expects at least one scheduler"):
        sequential(optimizer, [], [])
    with pytest.raises(ValueError, match="one more than the number of milestone points"):
        sequential(optimizer, [step], [1])
    with pytest.raises(ValueError, match="does not support `ReduceLROnPlateau`"):
        sequential(optimizer, [step, plateau], [1])
    with pytest.raises(ValueError, match="to belong to the same optimizer"):
        sequential(optimizer, [step, other], [1])
    with pytest.raises(TypeError, match="should have `optimizer` as its attribute"):
        sequential(optimizer, [step, 3], [1])


def test_chained_multiplies_and_resumes():
    def build():
        optimizer = make_optimizer()
        parts = [
            lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=3),
            lr_scheduler.ExponentialLR(optimizer, gamma=0.9),
        ]
        return optimizer, lr_scheduler.ChainedScheduler(parts)

    optimizer, scheduler = build()
    expected = [0.1 * 0.9**e * (0.5 if e < 3 else 1.0) for e in range(6)]
    assert rates(optimizer)[0] == pytest.approx(expected[0])
    advance(optimizer, scheduler, 2)
    assert rates(optimizer)[0] == pytest.approx(expected[2])
    second, resumed = build()
    second.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(scheduler.state_dict())
    advance(second, resumed, 3)
    assert rates(second)[0] == pytest.approx(expected[5])


def test_warm_restarts_take_fractions():
    optimizer = make_optimizer()
    scheduler = lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2)
    for epoch, part in ((0.5, 0.25), (1.5, 0.75), (2.0, 0.0), (4.0, 0.5), (6.0, 0.0)):
        scheduler.step(epoch)
        assert rates(optimizer)[0] == pytest.approx(0.05 * (1 + math.cos(math.pi * part)))
    with pytest.raises(ValueError, match="Expected non-negative epoch, but got -1"):
        scheduler.step(-1)


def test_plateau_waits_reduces_and_cools_down():
    optimizer = make_optimizer()
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=1, cooldown=1, min_lr=[0.03, 0.0]
    )
    seen = []
    for metric in (1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, pyrite.tensor(0.5)):
        scheduler.step(metric)
        seen.append(rates(optimizer)[0])
    assert seen == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.03, 0.03])
    assert scheduler.get_last_lr() == rates(optimizer)


@pytest.mark.parametrize(
    ("mode", "threshold_mode", "better", "worse"),
    [
        ("min", "rel", 0.89, 0.91),
        ("max", "rel", 1.11, 1.09),
        ("min", "abs", 0.89, 0.91),
        ("max", "abs", 1.11, 1.09),
    ],
)
def test_plateau_threshold(mode, threshold_mode, better, worse):
    for metric, bad in ((better, 0), (worse, 1)):
        scheduler = lr_scheduler.ReduceLROnPlateau(
            make_optimizer(), mode, threshold=0.1, threshold_mode=threshold_mode
        )
        scheduler.step(1.0)
        scheduler.step(metric)
        assert scheduler.num_bad_epochs == bad


def test_plateau_notices_new_groups():
    optimizer = make_optimizer()
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0, 0.0])
    optimizer.add_param_group({"params": [Parameter(pyrite.zeros(1))]})
    scheduler.step(1.0)
    with pytest.raises(RuntimeError, match="The number of param groups in the `optimizer`"):
        scheduler.step(1.0)


def test_cyclic_moves_beta1_of_adam():
    optimizer = Adam([Parameter(pyrite.zeros(1))])
    scheduler = lr_scheduler.CyclicLR(optimizer, 0.1, 0.2, step_size_up=2)
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.999)
    advance(optimizer, scheduler, 2)
    assert optimizer.param_groups[0]["betas"] == pytest.approx((0.8, 0.999))


def test_cycles_need_momentum():
    optimizer = pyrite.optim.Adagrad([Parameter(pyrite.zeros(1))])
    with pytest.raises(ValueError, match="optimizer must support momentum or beta1"):
        lr_scheduler.CyclicLR(optimizer, 0.1, 0.2)
    with pytest.raises(ValueError, match="optimizer must support momentum or beta1"):
        lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=2)
    lr_scheduler.CyclicLR(optimizer, 0.1, 0.2, cycle_momentum=False)


def test_one_cycle_ends():
    optimizer = make_optimizer()
    scheduler = lr_scheduler.OneCycleLR(optimizer, 0.5, epochs=1, steps_per_epoch=2)
    advance(optimizer, scheduler, 2)
    with pytest.raises(ValueError, match=r"Tried to step 3 times\. The specified number"):
        advance(optimizer, scheduler)


@pytest.mark.parametrize(
    ("name", "kwargs", "error", "text"),
    [
        ("ConstantLR", {"factor": 2.0}, ValueError, "Constant multiplicative factor expected"),
        ("LinearLR", {"start_factor": 0}, ValueError, "Starting multiplicative factor expected"),
        ("LinearLR", {"end_factor": 2}, ValueError, "Ending multiplicative factor expected"),
        ("OneCycleLR", {"max_lr": 1.0}, ValueError, "You must define either total_steps OR"),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 0}, ValueError, "positive integer total"),
        ("CyclicLR", {"base_lr": [0.1], "max_lr": 1.0}, ValueError, "base_lr must have the same"),
        ("CosineAnnealingWarmRestarts", {"T_0": 0}, ValueError, "Expected positive integer T_0"),
        ("ReduceLROnPlateau", {"factor": 1.0}, ValueError, "Factor should be < 1.0."),
        ("ReduceLROnPlateau", {"mode": "x"}, ValueError, "mode x is unknown!"),
        ("StepLR", {"step_size": 1, "verbose": True}, TypeError, "verbose"),
        ("StepLR", {"step_size": 1, "last_epoch": 3}, KeyError, "param 'initial_lr' is not"),
    ],
)
def test_refused_arguments(name, kwargs, error, text):
    with pytest.raises(error) as info:
        getattr(lr_scheduler, name)(make_optimizer(), **kwargs)
    assert text in str(info.value)


def test_needs_an_optimizer():
    with pytest.raises(TypeError, match="str is not an Optimizer"):
        lr_scheduler.ExponentialLR("SGD", 0.9)


def test_warns_when_the_optimizer_has_not_stepped():
    optimizer = make_optimizer()
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.9)
    with pytest.warns(UserWarning, match="Detected call of `lr_scheduler.step\\(\\)` before"):
        scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()


def test_no_warning_in_the_right_order():
    optimizer = make_optimizer()
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        advance(optimizer, scheduler, 2)


def test_warns_when_step_is_overridden():
    optimizer = make_optimizer()
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.9)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match="has been overridden after learning rate scheduler"):
        scheduler.step()


def test_get_lr_outside_step_warns():
    scheduler = lr_scheduler.ExponentialLR(make_optimizer(), 0.5)
    with pytest.warns(UserWarning, match="please use `get_last_lr\\(\\)`"):
        assert scheduler.get_lr() == [0.05, 0.02]


def test_custom_schedule():
    class Inverse(lr_scheduler.LRScheduler):
        def get_lr(self):
            return [base_lr / (1 + self.last_epoch) for base_lr in self.base_lrs]

    optimizer = make_optimizer()
    scheduler = Inverse(optimizer)
    advance(optimizer, scheduler, 3)
    assert rates(optimizer) == pytest.approx([0.025, 0.01])


def test_tensor_lr_keeps_its_identity():
    lr = pyrite.tensor(0.5)
    optimizer = SGD([Parameter(pyrite.zeros(1))], lr=lr)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    advance(optimizer, scheduler, 2)
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == 0.125
    assert scheduler.get_last_lr()[0] is not lr


def test_state_dict_names():
    saved = lr_scheduler.StepLR(make_optimizer(), 3).state_dict()
    assert set(saved) == {
        "step_size",
        "gamma",
        "base_lrs",
        "last_epoch",
        "_step_count",
        "_is_initial",
        "_get_lr_called_within_step",
        "_last_lr",
    }
