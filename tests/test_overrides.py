"""`__torch_function__`: subclasses, ducks, modes; every case of data/overrides.json."""

import json
import pathlib

import pytest

import pyrite
from overriding import outcome
from pyrite.overrides import BaseTorchFunctionMode, TorchFunctionMode

CASES = json.loads((pathlib.Path(__file__).parent / "data" / "overrides.json").read_text())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("expression", "expected"), CASES.items())
def test_outcome_is_pytorchs(expression, expected):
    assert outcome(expression, pyrite) == expected


class Names(TorchFunctionMode):
    """Notes the ops it sees."""

    def __init__(self):
        self.seen = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.seen.append(func.__name__)
        return func(*args, **(kwargs or {}))


def test_a_mode_sees_ops_operators_and_indexing():
    with Names() as mode:
        x = pyrite.zeros(3)
        y = (x + 1)[0]
        y.add_(2)
    x.sub(1)
    assert mode.seen == ["zeros", "add", "__getitem__", "add_"]
    assert y.item() == 3


def test_modes_nest():
    with Names() as outer, Names() as inner, BaseTorchFunctionMode():
        pyrite.ones(2) * 2
    assert inner.seen == outer.seen == ["ones", "mul"]


def test_a_mode_ends_with_an_exception():
    mode = Names()
    with pytest.raises(ZeroDivisionError), mode:
        raise ZeroDivisionError
    pyrite.zeros(1)
    assert mode.seen == []


def test_a_mode_that_declines():
    class Shy(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return NotImplemented

    with Shy(), pytest.raises(TypeError, match=r"Multiple dispatch failed for 'torch\.zeros'"):
        pyrite.zeros(2)


def test_an_exception_of_the_override_passes():
    class Failing:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        pyrite.ones(1) + Failing()
    with pytest.raises(KeyError, match="mine"):
        pyrite.exp(Failing())


def test_disabling_nests_and_ends():
    class T(pyrite.Tensor):
        pass

    t = pyrite.ones(1).as_subclass(T)
    with pyrite._C.DisableTorchFunctionSubclass():
        with pyrite._C.DisableTorchFunctionSubclass():
            assert type(t + 1) is pyrite.Tensor
        assert type(t + 1) is pyrite.Tensor
    assert type(t + 1) is T


def test_gradients_pass_through_subclasses():
    class T(pyrite.Tensor):
        pass

    x = pyrite.ones(3, requires_grad=True)
    (x.as_subclass(T) * 2).exp().sum().backward()
    assert pyrite.allclose(x.grad, 2 * pyrite.full((3,), 2.0).exp())


def test_uninitialized_parameters_refuse_operations():
    parameter = pyrite.nn.UninitializedParameter()
    with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
        parameter + 1
