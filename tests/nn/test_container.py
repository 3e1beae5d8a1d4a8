"""Containers of modules and of parameters. Facts are PyTorch 2.13's."""

from collections import OrderedDict

import pytest

import pyrite
from pyrite import nn


def kinds(container):
    return [type(module).__name__ for module in container]


def names(module):
    return [name for name, _ in module.named_parameters()]


class TestSequential:
    def test_runs_in_order(self):
        model = nn.Sequential(nn.Flatten(0), nn.Softmax(dim=0))
        assert model(pyrite.zeros(2, 2)).tolist() == [0.25] * 4
        assert nn.Sequential()(3) == 3

    def test_indexing(self):
        model = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.GELU())
        assert len(model) == 3 and kinds(model[:2]) == ["ReLU", "Tanh"]
        assert type(model[0]) is nn.ReLU and type(model[-1]) is nn.GELU
        for index in (3, -4):
            with pytest.raises(IndexError, match=f"index {index} is out of range"):
                model[index]
        with pytest.raises(TypeError):
            model["0"]
        model[1] = nn.SiLU()
        assert kinds(model) == ["ReLU", "SiLU", "GELU"]

    def test_deleting_closes_the_gap(self):
        model = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.GELU())
        del model[0]
        assert list(model._modules) == ["0", "1"] and kinds(model) == ["Tanh", "GELU"]
        assert type(model.pop(0)) is nn.Tanh
        model.extend([nn.ReLU(), nn.Tanh()])
        assert kinds(model.pop(slice(0, 2))) == ["GELU", "ReLU"] and kinds(model) == ["Tanh"]

    def test_insert_and_append(self):
        model = (
            nn.Sequential(nn.ReLU()).append(nn.Tanh()).insert(0, nn.GELU()).insert(-1, nn.SiLU())
        )
        assert kinds(model) == ["GELU", "ReLU", "SiLU", "Tanh"]
        assert list(model._modules) == ["0", "1", "2", "3"]
        with pytest.raises(IndexError, match="Index out of range: 9"):
            model.insert(9, nn.ReLU())
        with pytest.raises(AssertionError, match="module should be of type"):
            model.insert(0, 3)

    def test_arithmetic(self):
        model = nn.Sequential(nn.ReLU())
        assert kinds(model + nn.Sequential(nn.Tanh())) == ["ReLU", "Tanh"]
        assert kinds(model * 2) == kinds(2 * model) == ["ReLU", "ReLU"]
        model *= 3
        model += nn.Sequential(nn.Tanh())
        assert kinds(model) == ["ReLU", "ReLU", "ReLU", "Tanh"]
        with pytest.raises(ValueError, match="add operator supports only objects of Sequential"):
            model + 3
        with pytest.raises(ValueError, match="Non-positive multiplication factor 0"):
            model * 0
        with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \*"):
            model * "a"

    def test_names(self):
        model = nn.Sequential(OrderedDict(a=nn.Linear(1, 1), b=nn.ReLU()))
        assert type(model.b) is nn.ReLU and list(model[:1].state_dict()) == ["a.weight", "a.bias"]
        with pytest.raises(TypeError, match="dict is not a Module subclass"):
            nn.Sequential({"a": nn.ReLU()})

    def test_slices_keep_the_class(self):
        class Stack(nn.Sequential):
            pass

        assert type(Stack(nn.ReLU(), nn.Tanh())[:1]) is Stack


class TestModuleList:
    def test_list_protocol(self):
        modules = nn.ModuleList([nn.ReLU(), nn.Tanh()])
        modules += [nn.GELU()]
        modules.append(nn.SiLU())
        modules.insert(1, nn.Mish())
        assert kinds(modules) == ["ReLU", "Mish", "Tanh", "GELU", "SiLU"]
        del modules[1:3]
        assert kinds(modules) == ["ReLU", "GELU", "SiLU"]
        assert list(modules._modules) == ["0", "1", "2"]
        assert type(modules.pop(0)) is nn.ReLU and kinds(modules[-1:]) == ["SiLU"]
        modules[0] = nn.ELU()
        assert kinds(modules + nn.ModuleList([nn.ReLU()])) == ["ELU", "SiLU", "ReLU"]

    def test_errors(self):
        modules = nn.ModuleList()
        with pytest.raises(
            TypeError, match="extend should be called with an iterable, but got int"
        ):
            modules.extend(3)
        with pytest.raises(TypeError, match="int is not a Module subclass"):
            modules.append(3)
        with pytest.raises(NotImplementedError, match=r"Module \[ModuleList\] is missing"):
            modules(1)
        with pytest.raises(IndexError, match="index 0 is out of range"):
            modules[0]

    def test_repr_shows_runs_once(self):
        line = "Linear(in_features=1, out_features=2, bias=True)"
        modules = nn.ModuleList([nn.Linear(1, 2), nn.Linear(1, 2), nn.ReLU()])
        assert repr(modules) == f"ModuleList(\n  (0-1): 2 x {line}\n  (2): ReLU()\n)"
        assert repr(nn.ModuleList()) == "ModuleList()"
        nested = nn.ModuleList([nn.Sequential(nn.ReLU()), nn.Sequential(nn.ReLU())])
        assert repr(nested) == ("ModuleList(\n  (0-1): 2 x Sequential(\n    (0): ReLU()\n  )\n)")


class TestModuleDict:
    def test_dict_protocol(self):
        modules = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Tanh()})
        modules["c"] = nn.GELU()
        del modules["a"]
        modules.update([("d", nn.ReLU())])
        modules.update(nn.ModuleDict({"b": nn.Mish()}))
        assert list(modules) == list(modules.keys()) == ["b", "c", "d"]
        assert kinds(modules.values()) == ["Mish", "GELU", "ReLU"]
        assert type(modules.pop("c")) is nn.GELU and "c" not in modules and len(modules) == 2
        assert dict(modules.items()) == {"b": modules.b, "d": modules.d}
        modules.clear()
        assert repr(modules) == "ModuleDict()"

    def test_errors(self):
        modules = nn.ModuleDict()
        with pytest.raises(KeyError, match="missing"):
            modules["missing"]
        with pytest.raises(KeyError, match="attribute 'keys' already exists"):
            modules["keys"] = nn.ReLU()
        with pytest.raises(TypeError, match="iterable of key/value pairs, but got int"):
            modules.update(3)
        with pytest.raises(TypeError, match="sequence element #0 should be Iterable; isint"):
            modules.update([3])
        with pytest.raises(ValueError, match="element #1 has length 3; 2 is required"):
            modules.update([("a", nn.ReLU()), (1, 2, 3)])


class TestParameterList:
    def test_tensors_become_parameters_and_others_stay(self):
        values = nn.ParameterList([pyrite.ones(2), 3])
        values.append(pyrite.zeros(1))
        values += ["text"]
        assert isinstance(values[0], nn.Parameter) and values[1] == 3 and values[-1] == "text"
        assert names(values) == ["0", "2"] and len(values) == 4
        values[1] = pyrite.ones(1)
        assert names(values[:2]) == ["0", "1"]
        assert list(values.state_dict()) == ["0", "2", "1"]

    def test_errors(self):
        values = nn.ParameterList()
        with pytest.raises(IndexError, match="index 0 is out of range"):
            values[0]
        with pytest.raises(TypeError, match="with an iterable, but got Tensor"):
            values.extend(pyrite.ones(2))
        with pytest.raises(RuntimeError, match=r"ParameterList should not be called\."):
            values(1)

    def test_repr(self):
        text = repr(nn.ParameterList([pyrite.ones(2, 3), 3]))
        dtype = str(pyrite.float32)
        assert text == (
            "ParameterList(\n"
            f"    (0): Parameter containing: [{dtype} of size 2x3]\n"
            "    (1): Object of type: int\n"
            ")"
        )


class TestParameterDict:
    def test_dict_protocol(self):
        values = nn.ParameterDict({"b": pyrite.ones(1), "a": pyrite.zeros(2)})
        assert list(values) == ["a", "b"] and list(reversed(values)) == ["b", "a"]
        assert list(nn.ParameterDict(OrderedDict(b=1, a=2))) == ["b", "a"]
        values["n"] = 3
        assert values.get("z") is None and values.get("n") == 3 and "n" in values
        assert isinstance(values.setdefault("m", pyrite.ones(1)), nn.Parameter)
        assert values.pop("n") == 3 and values.popitem()[0] == "m" and len(values) == 2
        assert names(values | nn.ParameterDict({"c": pyrite.ones(1)})) == ["a", "b", "c"]
        values |= nn.ParameterDict({"c": pyrite.ones(1)})
        copied = values.copy()
        del values["c"]
        assert list(copied) == ["a", "b", "c"] and copied["a"] is values["a"]
        assert [key for key, _ in values.items()] == ["a", "b"]
        assert list(values.fromkeys(["u", "v"], 1.0).values()) == [1.0, 1.0]
        values.clear()
        assert list(values.keys()) == [] and repr(values) == "ParameterDict()"

    def test_errors(self):
        values = nn.ParameterDict()
        with pytest.raises(TypeError, match="cannot be used as a key as it is not a string"):
            values[3]
        with pytest.raises(AttributeError, match="has no attribute 'missing'"):
            values["missing"]
        with pytest.raises(RuntimeError, match=r"ParameterDict should not be called\."):
            values(1)
        with pytest.raises(ValueError, match="ParameterDict update sequence element #0 has length"):
            values.update([(1, 2, 3)])
