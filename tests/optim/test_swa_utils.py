"""Weight averaging: AveragedModel, its rules, SWALR and update_bn."""

import pytest

import pyrite
from pyrite import nn
from pyrite.optim import SGD, swa_utils


def linear(value):
    model = nn.Linear(2, 1)
    with pyrite.no_grad():
        for param in model.parameters():
            param.fill_(value)
    return model


def weights(averaged):
    return averaged.module.weight.flatten().tolist()


def test_equal_average():
    averaged = swa_utils.AveragedModel(linear(0.0))
    for value in (1.0, 2.0, 6.0):
        averaged.update_parameters(linear(value))
    assert weights(averaged) == pytest.approx([3.0, 3.0])
    assert averaged.n_averaged.item() == 3
    assert averaged(pyrite.ones(1, 2)).item() == pytest.approx(9.0)


@pytest.mark.parametrize("argument", ["avg_fn", "multi_avg_fn"])
def test_moving_average(argument):
    make = "get_ema_avg_fn" if argument == "avg_fn" else "get_ema_multi_avg_fn"
    average = getattr(swa_utils, make)(0.5)
    averaged = swa_utils.AveragedModel(linear(0.0), **{argument: average})
    for value in (4.0, 2.0, 1.0):
        averaged.update_parameters(linear(value))
    assert weights(averaged) == pytest.approx([2.0, 2.0])


def test_arguments_are_checked():
    with pytest.raises(ValueError, match=r"Invalid decay value 2\.0 provided"):
        swa_utils.get_ema_avg_fn(2.0)
    average = swa_utils.get_swa_avg_fn()
    with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn"):
        swa_utils.AveragedModel(linear(0.0), avg_fn=average, multi_avg_fn=average)


def test_update_bn_computes_statistics_anew():
    model = nn.Sequential(nn.BatchNorm1d(1, momentum=0.1))
    model.eval()
    batches = [pyrite.tensor([[1.0], [3.0]]), (pyrite.tensor([[5.0], [7.0]]), None)]
    swa_utils.update_bn(batches, model)
    assert model[0].running_mean.item() == pytest.approx(4.0)
    assert model[0].momentum == 0.1
    assert not model.training


def test_swalr_anneals_and_stays():
    optimizer = SGD([nn.Parameter(pyrite.zeros(1))], lr=0.5)
    scheduler = swa_utils.SWALR(optimizer, swa_lr=0.1, anneal_epochs=4, anneal_strategy="linear")
    seen = []
    for _ in range(6):
        optimizer.step()
        scheduler.step()
        seen.append(optimizer.param_groups[0]["lr"])
    assert seen == pytest.approx([0.4, 0.3, 0.2, 0.1, 0.1, 0.1])
    with pytest.raises(ValueError, match="anneal_epochs must be equal or greater than 0, got -1"):
        swa_utils.SWALR(optimizer, 0.1, anneal_epochs=-1)
