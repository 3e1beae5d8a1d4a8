"""Parameter, Buffer and their uninitialized forms. Facts are PyTorch 2.13's."""

import copy
import pickle

import pytest

import pyrite
from pyrite import nn


def test_a_parameter_shares_the_data_and_requires_grad():
    data = pyrite.ones(2)
    parameter = nn.Parameter(data)
    assert parameter.data_ptr() == data.data_ptr()
    assert parameter.requires_grad and parameter.is_leaf and not data.requires_grad
    assert isinstance(parameter, pyrite.Tensor) and not isinstance(data, nn.Parameter)
    assert type(parameter * 1) is pyrite.Tensor
    with pyrite.no_grad():
        assert nn.Parameter(data).requires_grad
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert nn.Parameter().shape == (0,)


def test_repr():
    text = "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert repr(nn.Parameter(pyrite.ones(2))) == text


def test_integers_cannot_require_grad():
    with pytest.raises(RuntimeError, match="Only Tensors of floating point and complex dtype"):
        nn.Parameter(pyrite.ones(1, dtype=pyrite.int64))


def test_deepcopy_is_a_new_parameter_without_gradient():
    parameter = nn.Parameter(pyrite.ones(2))
    parameter.grad = pyrite.ones(2)
    first, second = copy.deepcopy([parameter, parameter])
    assert first is second is not parameter
    assert type(first) is nn.Parameter and first.grad is None
    assert first.data_ptr() != parameter.data_ptr() and first.tolist() == [1, 1]


def test_pickle_keeps_class_flags_and_attributes():
    parameter = nn.Parameter(pyrite.ones(2), requires_grad=False)
    assert parameter.__reduce_ex__(2)[0].__name__ == "_rebuild_parameter"
    parameter.note = "mine"
    twin = pickle.loads(pickle.dumps(parameter))
    assert type(twin) is nn.Parameter and not twin.requires_grad
    assert twin.tolist() == [1, 1] and twin.note == "mine"


def test_subclasses():
    class Scale(nn.Parameter):
        pass

    scale = Scale(pyrite.ones(1))
    assert isinstance(scale, nn.Parameter) and not isinstance(nn.Parameter(), Scale)
    assert type(copy.deepcopy(scale)) is Scale


def test_buffer_marks_a_plain_tensor():
    data = pyrite.ones(2)
    buffer = nn.Buffer(data, persistent=False)
    assert type(buffer) is pyrite.Tensor and isinstance(buffer, nn.Buffer)
    assert not isinstance(data, nn.Buffer) and not isinstance(buffer, nn.Parameter)
    assert buffer.persistent is False and buffer.data_ptr() == data.data_ptr()


def test_an_uninitialized_parameter_becomes_one_in_place():
    parameter = nn.UninitializedParameter(dtype=pyrite.float64)
    assert repr(parameter) == "<UninitializedParameter>" and isinstance(parameter, nn.Parameter)
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
        _ = parameter.shape
    with pytest.raises(RuntimeError, match="Can't share memory on an uninitialized parameter"):
        parameter.share_memory_()
    assert type(copy.deepcopy(parameter)) is nn.UninitializedParameter
    holder = [parameter]
    parameter.materialize((2, 3))
    assert type(holder[0]) is nn.Parameter
    assert parameter.shape == (2, 3) and parameter.dtype == pyrite.float64
    assert parameter.requires_grad


def test_an_uninitialized_buffer_becomes_a_buffer_in_place():
    buffer = nn.UninitializedBuffer(persistent=False)
    assert isinstance(buffer, nn.Buffer) and not buffer.requires_grad
    buffer.materialize((2,))
    assert buffer.shape == (2,) and isinstance(buffer, nn.Buffer) and buffer.persistent is False


class LazyScale(nn.modules.lazy.LazyModuleMixin, nn.Module):
    """Multiplies by one weight for each feature."""

    def __init__(self):
        super().__init__()
        self.weight = nn.UninitializedParameter()

    def initialize_parameters(self, x):
        self.weight.materialize((x.shape[-1],))
        nn.init.ones_(self.weight)

    def forward(self, x):
        return x * self.weight


class Scale(nn.Module):
    forward = LazyScale.forward


LazyScale.cls_to_become = Scale


def test_lazy_modules_take_shape_at_the_first_call():
    module = LazyScale()
    weight = module.weight
    assert module.has_uninitialized_params() and list(module.state_dict()) == ["weight"]
    assert module(pyrite.ones(1, 3)).tolist() == [[1, 1, 1]]
    assert type(module) is Scale and module.weight is weight
    assert not module._forward_pre_hooks and not module._load_state_dict_pre_hooks


def test_lazy_modules_take_shape_from_a_state_dict():
    trained, fresh = LazyScale(), LazyScale()
    trained(pyrite.ones(1, 3))
    fresh.load_state_dict(trained.state_dict())
    assert fresh.weight.tolist() == [1, 1, 1]


def test_lazy_modules_must_say_how():
    class Unfinished(nn.modules.lazy.LazyModuleMixin, nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="initialize_parameters is not implemented for U"):
        Unfinished()(1)


def test_text_names_the_class():
    weight = nn.Parameter(pyrite.ones(1))
    assert str(weight) == repr(weight) == "Parameter containing:\ntensor([1.], requires_grad=True)"
