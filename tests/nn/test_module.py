"""The module protocol: attributes, walks, conversions, state, hooks. Facts are PyTorch 2.13's."""

import copy
import gc
import pickle
import weakref
from collections import OrderedDict

import pytest

import pyrite
from pyrite import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(2, 3)
        self.fc2 = nn.Linear(3, 1)
        self.register_buffer("mean", pyrite.zeros(2))
        self.register_buffer("cache", pyrite.ones(1), persistent=False)
        self.body = nn.Sequential(nn.Linear(3, 3), nn.ReLU())

    def forward(self, x):
        return self.fc2(self.body(self.fc1(x)))


NAMES = ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "body.0.weight", "body.0.bias"]


def text_of(kind, call):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


class TestAttributes:
    def test_a_name_moves_between_the_tables(self):
        module = nn.Module()
        module.thing = 5
        module.thing = nn.Parameter(pyrite.ones(1))
        assert "thing" in module._parameters and "thing" not in module.__dict__
        module = nn.Module()
        module.register_buffer("thing", pyrite.ones(1), persistent=False)
        module.thing = nn.Linear(1, 1)
        assert not module._buffers and not module._non_persistent_buffers_set
        module.thing = None
        assert module.thing is None and "thing" in module._modules
        del module.thing
        assert not hasattr(module, "thing")

    def test_a_plain_tensor_is_no_parameter(self):
        module = nn.Linear(1, 1)
        assert text_of(TypeError, lambda: setattr(module, "weight", 3)) == (
            "cannot assign 'int' as parameter 'weight' (torch.nn.Parameter or None expected)"
        )
        module.plain = pyrite.ones(1)
        assert "plain" in module.__dict__ and "plain" not in module.state_dict()

    def test_buffers_keep_their_place_when_assigned(self):
        net = Net()
        net.cache = pyrite.zeros(3)
        assert net.cache.shape == (3,) and "cache" not in net.state_dict()
        net.mean = None
        assert "mean" not in net.state_dict() and net.mean is None
        net.fresh = nn.Buffer(pyrite.ones(2), persistent=False)
        assert "fresh" in net._buffers and "fresh" not in net.state_dict()
        assert text_of(TypeError, lambda: setattr(net, "fresh", 3)) == (
            "cannot assign 'int' as buffer 'fresh' (torch.nn.Buffer, torch.Tensor or None expected)"
        )

    @pytest.mark.parametrize(
        ("name", "kind", "text"),
        [
            ("a.b", KeyError, "'buffer name can\\'t contain \".\"'"),
            ("", KeyError, "'buffer name can\\'t be empty string \"\"'"),
            (3, TypeError, "buffer name should be a string. Got int"),
            ("weight", KeyError, "\"attribute 'weight' already exists\""),
            ("forward", KeyError, "\"attribute 'forward' already exists\""),
        ],
    )
    def test_bad_names(self, name, kind, text):
        module = nn.Linear(1, 1)
        assert text_of(kind, lambda: module.register_buffer(name, pyrite.ones(1))) == text
        other = text.replace("buffer name", "parameter name")
        if name != "weight":
            parameter = nn.Parameter(pyrite.ones(1))
            assert text_of(kind, lambda: module.register_parameter(name, parameter)) == other

    def test_bad_values(self):
        module = nn.Module()
        assert text_of(TypeError, lambda: module.add_module("a", 3)) == (
            "int is not a Module subclass"
        )
        assert text_of(TypeError, lambda: module.register_parameter("a", 3)) == (
            "cannot assign 'int' object to parameter 'a' (torch.nn.Parameter or None required)"
        )
        assert text_of(TypeError, lambda: module.register_buffer("a", 3)) == (
            "cannot assign 'int' object to buffer 'a' (torch Tensor or None required)"
        )
        assert text_of(KeyError, lambda: module.add_module("a.b", nn.ReLU())) == (
            "'module name can\\'t contain \".\", got: a.b'"
        )

    def test_before_init(self):
        class Late(nn.Module):
            def __init__(self):
                self.ready = False

        late = Late()
        assert text_of(AttributeError, lambda: setattr(late, "fc", nn.ReLU())) == (
            "cannot assign module before Module.__init__() call"
        )
        parameter = nn.Parameter(pyrite.ones(1))
        assert text_of(AttributeError, lambda: setattr(late, "w", parameter)) == (
            "cannot assign parameters before Module.__init__() call"
        )
        assert text_of(AttributeError, lambda: late.register_buffer("b", parameter)) == (
            "cannot assign buffer before Module.__init__() call"
        )
        assert text_of(AttributeError, lambda: late(1)) == (
            "'Late' object has no attribute '_backward_hooks'"
        )

    def test_a_missing_name(self):
        assert text_of(AttributeError, lambda: nn.ReLU().nope) == (
            "'ReLU' object has no attribute 'nope'"
        )
        assert text_of(NotImplementedError, lambda: nn.Module()(1)) == (
            'Module [Module] is missing the required "forward" function'
        )

    def test_constructor_arguments(self):
        assert text_of(TypeError, lambda: nn.Module(3)) == (
            "Module.__init__() takes 1 positional argument but 2 were given"
        )
        assert text_of(TypeError, lambda: nn.Module(a=3)) == (
            "Module.__init__() got an unexpected keyword argument 'a'"
        )

        class Other:
            def __init__(self, q):
                self.q = q

        class Both(nn.Module, Other):
            call_super_init = True

        assert Both(q=3).q == 3

    def test_dir_lists_members_but_no_numbers(self):
        net = Net()
        assert {"fc1", "mean", "cache", "body", "training", "forward"} <= set(dir(net))
        assert "0" not in dir(net.body)

    def test_registration_hooks_see_every_registration(self):
        seen = []
        hooks = [
            nn.modules.module.register_module_parameter_registration_hook(
                lambda module, name, value: seen.append(("parameter", name))
            ),
            nn.modules.module.register_module_buffer_registration_hook(
                lambda module, name, value: seen.append(("buffer", name))
            ),
            nn.modules.module.register_module_module_registration_hook(
                lambda module, name, value: nn.Identity()
            ),
        ]
        try:
            module = nn.Module()
            module.w = nn.Parameter(pyrite.ones(1))
            module.register_buffer("b", pyrite.ones(1))
            module.child = nn.ReLU()
        finally:
            for hook in hooks:
                hook.remove()
        assert seen == [("parameter", "w"), ("buffer", "b")]
        assert isinstance(module.child, nn.Identity)


class TestWalks:
    def test_names_in_order_of_registration(self):
        net = Net()
        assert [name for name, _ in net.named_parameters()] == NAMES
        assert [name for name, _ in net.named_parameters("p", recurse=False)] == []
        assert next(net.named_parameters("p"))[0] == "p.fc1.weight"
        assert [name for name, _ in net.named_buffers()] == ["mean", "cache"]
        paths = ["", "fc1", "fc2", "body", "body.0", "body.1"]
        assert [path for path, _ in net.named_modules()] == paths
        assert [name for name, _ in net.named_children()] == ["fc1", "fc2", "body"]
        assert len(list(net.modules())) == 6 and len(list(net.children())) == 3

    def test_shared_members_come_once(self):
        net = Net()
        net.again = net.fc1
        assert [name for name, _ in net.named_parameters()] == NAMES
        repeated = [name for name, _ in net.named_parameters(remove_duplicate=False)]
        assert repeated == [*NAMES, "again.weight", "again.bias"]
        assert [name for name, _ in net.named_children()] == ["fc1", "fc2", "body"]
        assert len(list(net.modules(remove_duplicate=False))) == 7

    def test_look_up_by_path(self):
        net = Net()
        assert net.get_submodule("") is net
        assert net.get_submodule("body.0") is net.body[0]
        assert net.get_parameter("body.0.bias") is net.body[0].bias
        assert net.get_buffer("mean") is net.mean
        for path, text in {
            "body.9": "Sequential has no attribute `9`",
            "fc1.weight": "`weight` is not an nn.Module",
        }.items():
            assert text_of(AttributeError, lambda path=path: net.get_submodule(path)) == text
        assert text_of(AttributeError, lambda: net.get_parameter("mean")) == (
            "`mean` is not an nn.Parameter"
        )
        assert text_of(AttributeError, lambda: net.get_buffer("fc1.weight")) == (
            "`weight` is not a buffer"
        )

    def test_set_submodule(self):
        net = Net()
        net.set_submodule("body.0", nn.Tanh())
        net.set_submodule("body.extra", nn.Tanh())
        assert isinstance(net.body[0], nn.Tanh) and isinstance(net.body.extra, nn.Tanh)
        assert text_of(ValueError, lambda: net.set_submodule("", nn.Tanh())) == (
            "Cannot set the submodule without a target name!"
        )
        assert text_of(
            AttributeError, lambda: net.set_submodule("body.no", nn.Tanh(), strict=True)
        ) == ("Sequential has no attribute `no`")
        assert text_of(AttributeError, lambda: net.set_submodule("mean", nn.Tanh())) == (
            "`mean` is not an nn.Module"
        )

    def test_apply_visits_children_first(self):
        seen = []
        net = Net()
        assert net.apply(lambda module: seen.append(type(module).__name__)) is net
        assert seen == ["Linear", "Linear", "Linear", "ReLU", "Sequential", "Net"]


class TestModes:
    def test_train_and_eval_reach_every_module(self):
        net = Net()
        assert net.eval() is net and not any(module.training for module in net.modules())
        assert net.train() is net and all(module.training for module in net.modules())
        assert (
            text_of(ValueError, lambda: net.train(1)) == "training mode is expected to be boolean"
        )

    def test_requires_grad(self):
        net = Net()
        assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())

    def test_zero_grad(self):
        net = Net()
        net(pyrite.ones(1, 2)).sum().backward()
        grad = net.fc2.bias.grad
        net.zero_grad(set_to_none=False)
        assert net.fc2.bias.grad is grad and grad.item() == 0
        net.zero_grad()
        assert net.fc2.bias.grad is None


class TestConversion:
    def test_casts_leave_integers_and_keep_identity(self):
        net = Net()
        net.register_buffer("count", pyrite.zeros(1, dtype=pyrite.int64))
        net(pyrite.ones(1, 2)).sum().backward()
        weight = net.fc1.weight
        net.double()
        assert net.fc1.weight is weight and weight.dtype == pyrite.float64
        assert weight.grad.dtype == pyrite.float64 and net.mean.dtype == pyrite.float64
        assert net.count.dtype == pyrite.int64
        assert net.to(pyrite.float16).mean.dtype == pyrite.float16
        assert net.to(pyrite.ones(1)).mean.dtype == pyrite.float32
        assert net.to("cpu", pyrite.float64).mean.dtype == pyrite.float64
        assert net.bfloat16().mean.dtype == pyrite.bfloat16
        assert net.to() is net and net.to(device=None).to(None) is net
        assert net.type(pyrite.float32).count.dtype == pyrite.float32

    def test_bad_arguments(self):
        net = Net()
        assert text_of(TypeError, lambda: net.to(pyrite.int32)).startswith(
            "nn.Module.to only accepts floating point or complex dtypes, but got desired dtype="
        )
        assert text_of(TypeError, lambda: net.to("cpu", "x")).startswith(
            "to() received an invalid combination of arguments - got (str, str), but expected"
        )
        assert text_of(TypeError, lambda: net.to("cpu", device="cpu")).startswith(
            "to() received an invalid combination of arguments - got (str, device=str), but"
        )
        assert text_of(RuntimeError, lambda: net.to(pyrite.float32, copy=True)) == (
            ".to() does not accept copy argument"
        )

    def test_memory_format(self):
        module = nn.Module()
        module.kernel = nn.Parameter(pyrite.ones(2, 3, 4, 5))
        module.matrix = nn.Parameter(pyrite.ones(2, 3))
        module.to(memory_format=pyrite.channels_last)
        assert module.kernel.stride() == (60, 1, 15, 3) and module.matrix.stride() == (3, 1)

    def test_meta(self):
        net = Net().to("meta")
        assert net.fc1.weight.is_meta and net.mean.is_meta
        assert text_of(NotImplementedError, lambda: net.to("cpu")) == (
            "Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() "
            "instead of torch.nn.Module.to() when moving module from meta to a different device."
        )
        net.to_empty(device="cpu")
        assert type(net.fc1.weight) is nn.Parameter and net.fc1.weight.shape == (3, 2)


class TestStateDict:
    def test_keys_metadata_and_aliasing(self):
        net = Net()
        state = net.state_dict()
        assert list(state) == ["mean", *NAMES]
        assert state._metadata["body.0"] == {"version": 1}
        assert state["fc1.weight"].data_ptr() == net.fc1.weight.data_ptr()
        assert not state["fc1.weight"].requires_grad
        assert net.state_dict(keep_vars=True)["fc1.weight"] is net.fc1.weight
        filled = OrderedDict()
        assert net.state_dict(destination=filled, prefix="a.") is filled
        assert list(filled)[:2] == ["a.mean", "a.fc1.weight"]

    def test_positional_arguments_are_deprecated(self):
        with pytest.warns(FutureWarning, match="Positional args are being deprecated"):
            assert "p.mean" in Net().state_dict(OrderedDict(), "p.")

    def test_loading_copies_in_place(self):
        source, target = Net(), Net()
        weight = target.fc1.weight
        result = target.load_state_dict(source.state_dict())
        assert repr(result) == str(result) == "<All keys matched successfully>"
        assert target.fc1.weight is weight and pyrite.equal(weight, source.fc1.weight)
        assert weight.data_ptr() != source.fc1.weight.data_ptr()

    def test_assign_takes_the_tensors_themselves(self):
        state = {name: tensor.clone() for name, tensor in Net().state_dict().items()}
        net = Net().requires_grad_(False)
        net.load_state_dict(state, assign=True)
        assert net.mean is state["mean"]
        assert net.fc1.weight.data_ptr() == state["fc1.weight"].data_ptr()
        assert type(net.fc1.weight) is nn.Parameter and not net.fc1.weight.requires_grad

    def test_all_disagreements_in_one_error(self):
        net = Net()
        state = dict(net.state_dict())
        del state["fc1.bias"], state["fc2.bias"]
        state.update({"zz": 1, "fc1.q": 1, "fc1.weight": pyrite.ones(5, 5), "fc2.weight": 3})
        text = text_of(RuntimeError, lambda: net.load_state_dict(state))
        size = type(net.fc1.weight.shape)
        assert text == (
            "Error(s) in loading state_dict for Net:\n"
            '\tMissing key(s) in state_dict: "fc1.bias", "fc2.bias". \n'
            '\tUnexpected key(s) in state_dict: "zz", "fc1.q". \n'
            "\tsize mismatch for fc1.weight: copying a param with shape "
            f"{size((5, 5))} from checkpoint, the shape in current model is {size((3, 2))}.\n"
            '\tWhile copying the parameter named "fc2.weight", expected torch.Tensor or '
            "Tensor-like object from checkpoint but received <class 'int'>"
        )

    def test_not_strict_reports_the_keys(self):
        net = Net()
        state = dict(net.state_dict(), zz=1)
        del state["fc1.bias"]
        result = net.load_state_dict(state, strict=False)
        assert result.missing_keys == ["fc1.bias"] and result.unexpected_keys == ["zz"]
        assert repr(result) == (
            "_IncompatibleKeys(missing_keys=['fc1.bias'], unexpected_keys=['zz'])"
        )

    def test_no_mapping(self):
        assert text_of(TypeError, lambda: Net().load_state_dict(3)) == (
            "Expected state_dict to be dict-like, got <class 'int'>."
        )

    def test_meta_model_warns_unless_assigned(self):
        state = Net().state_dict()
        net = Net().to("meta")
        with pytest.warns(UserWarning, match="which is a no-op") as caught:
            net.load_state_dict(state)
        assert len(caught) == 7
        net.load_state_dict(state, assign=True)
        assert net.fc1.weight.device.type == "cpu"

    def test_extra_state(self):
        class Counter(nn.Module):
            def __init__(self):
                super().__init__()
                self.steps = 3

            def get_extra_state(self):
                return {"steps": self.steps}

            def set_extra_state(self, state):
                self.steps = state["steps"]

        counter = Counter()
        counter.steps = 7
        state = counter.state_dict()
        assert state == {"_extra_state": {"steps": 7}}
        fresh = Counter()
        fresh.load_state_dict(state)
        assert fresh.steps == 7
        assert 'Missing key(s) in state_dict: "_extra_state"' in text_of(
            RuntimeError, lambda: fresh.load_state_dict({})
        )
        assert 'Unexpected key(s) in state_dict: "_extra_state"' in text_of(
            RuntimeError, lambda: nn.ReLU().load_state_dict(state)
        )

    def test_hooks_around_saving_and_loading(self):
        net, log = Net(), []
        net.fc1.register_state_dict_pre_hook(lambda m, prefix, keep: log.append(("pre", prefix)))
        net.fc1.register_state_dict_post_hook(lambda m, state, prefix, meta: log.append(prefix))
        state = net.state_dict()
        net.fc1.register_load_state_dict_pre_hook(
            lambda module, *args: log.append((type(module).__name__, args[1], args[3]))
        )
        net.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
        del state["fc2.bias"]
        net.load_state_dict(state)
        assert log == [("pre", "fc1."), "fc1.", ("Linear", "fc1.", True)]
        net.register_state_dict_post_hook(lambda *args: 3)
        assert text_of(RuntimeError, net.state_dict) == "state_dict post-hook must return None"

    def test_load_hook_of_a_copy_gets_the_copy(self):
        net = Net()
        net.fc1.register_load_state_dict_pre_hook(remember)
        copied = copy.deepcopy(net)
        copied.load_state_dict(net.state_dict())
        assert REMEMBERED.pop() is copied.fc1


REMEMBERED = []


def remember(module, *args):
    REMEMBERED.append(module)


class TestTextAndCopies:
    def test_repr(self):
        assert repr(Net()) == (
            "Net(\n"
            "  (fc1): Linear(in_features=2, out_features=3, bias=True)\n"
            "  (fc2): Linear(in_features=3, out_features=1, bias=True)\n"
            "  (body): Sequential(\n"
            "    (0): Linear(in_features=3, out_features=3, bias=True)\n"
            "    (1): ReLU()\n"
            "  )\n"
            ")"
        )

        class Two(nn.Module):
            def extra_repr(self):
                return "x=1\ny=2"

        assert repr(Two()) == "Two(\n  x=1\n  y=2\n)"
        assert repr(nn.Module()) == "Module()"

    def test_deepcopy_and_pickle_keep_sharing(self):
        module = nn.Linear(2, 2)
        module.tied = module.weight
        for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            assert twin.tied is twin.weight is not module.weight
            assert pyrite.equal(twin.weight, module.weight)
        assert copy.copy(module).weight is module.weight

    def test_old_pickles_get_the_missing_tables(self):
        state = nn.ReLU().__getstate__()
        del state["_forward_hooks"], state["_backward_pre_hooks"]
        module = nn.ReLU.__new__(nn.ReLU)
        module.__setstate__(state)
        assert module(pyrite.ones(1)).item() == 1

    def test_a_handle_does_not_keep_the_module_alive(self):
        module = nn.ReLU()
        handle = module.register_forward_hook(lambda *args: None)
        gone = weakref.ref(module)
        del module
        gc.collect()
        assert gone() is None
        handle.remove()
