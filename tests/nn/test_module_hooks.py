"""Hooks around forward and backward, a module's own and global ones. Facts are PyTorch 2.13's."""

import warnings

import pytest

import pyrite
from pyrite import nn


def text_of(kind, call):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


class TestForwardHooks:
    def test_order_and_kwargs(self):
        net, log, x = nn.Linear(2, 1), [], pyrite.ones(1, 2)
        handles = [
            net.register_forward_pre_hook(lambda m, args: log.append(("pre", len(args)))),
            net.register_forward_pre_hook(
                lambda m, args, kwargs: log.append(("first", list(kwargs))),
                prepend=True,
                with_kwargs=True,
            ),
            net.register_forward_hook(lambda m, args, out: log.append("post")),
            net.register_forward_hook(lambda m, args, kwargs, out: out * 0 + 5, with_kwargs=True),
        ]
        assert net(input=x).item() == 5
        assert log == [("first", ["input"]), ("pre", 0), "post"]
        for handle in handles:
            handle.remove()
            handle.remove()
        assert not net._forward_hooks and not net._forward_pre_hooks_with_kwargs
        assert net(x).item() != 5

    def test_replaced_arguments(self):
        module = nn.Identity()
        with module.register_forward_pre_hook(lambda m, args: args[0] + 1):
            assert module(1) == 2
        assert module(1) == 1
        handle = module.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
        assert text_of(RuntimeError, lambda: module(1)) == (
            "forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got 3."
        )
        handle.remove()

    def test_always_call(self):
        class Failing(nn.Module):
            def forward(self, x):
                raise ValueError("original")

        module, log = Failing(), []
        module.register_forward_hook(lambda *args: log.append("skipped"))
        module.register_forward_hook(lambda *args: log.append("always"), always_call=True)
        assert text_of(ValueError, lambda: module(1)) == "original"
        assert log == ["always"]

        def fail(*args):
            raise KeyError("muted")

        module.register_forward_hook(fail, always_call=True)
        with pytest.warns(UserWarning, match="was silenced as another error was raised in forward"):
            assert text_of(ValueError, lambda: module(1)) == "original"

    def test_global_hooks(self):
        log, door = [], nn.modules.module
        handles = [
            door.register_module_forward_pre_hook(lambda m, args: log.append(type(m).__name__)),
            door.register_module_forward_hook(
                lambda m, args, kwargs, out: log.append(len(kwargs)), with_kwargs=True
            ),
        ]
        try:
            nn.Sequential(nn.ReLU())(pyrite.ones(1))
        finally:
            for handle in handles:
                handle.remove()
        nn.ReLU()(pyrite.ones(1))
        assert log == ["Sequential", "ReLU", 0, 0]


class TestBackwardHooks:
    def test_gradients_of_inputs_and_outputs(self):
        class Double(nn.Module):
            def forward(self, a, b, note):
                return a * 2, b * 3, note

        module, log = Double(), []
        module.register_full_backward_hook(
            lambda m, grad_in, grad_out: log.append((grad_in, grad_out))
        )
        a = pyrite.ones(1, requires_grad=True)
        out = module(a, pyrite.ones(1), "note")
        assert out[2] == "note"
        (out[0] + out[1]).sum().backward()
        ((grad_in, grad_out),) = log
        assert grad_in[0].item() == 2 and grad_in[1].item() == 0 and grad_in[2] is None
        assert grad_out[0].item() == 1 and grad_out[2] is None

    def test_hooks_replace_gradients(self):
        module = nn.Identity()
        module.register_full_backward_pre_hook(lambda m, grad_out: (grad_out[0] * 10,))
        module.register_full_backward_hook(lambda m, grad_in, grad_out: (grad_in[0] + 1,))
        x = pyrite.ones(2, requires_grad=True)
        module(x).sum().backward()
        assert x.grad.tolist() == [11, 11]

    def test_wrong_number_of_gradients(self):
        x = pyrite.ones(1, requires_grad=True)
        module = nn.Identity()
        module.register_full_backward_hook(lambda m, grad_in, grad_out: (None, None))
        assert text_of(RuntimeError, lambda: module(x).sum().backward()) == (
            "Backward hook returned an invalid number of grad_input, got 2, but expected 1"
        )
        module = nn.Identity()
        module.register_full_backward_pre_hook(lambda m, grad_out: (1, 2))
        assert text_of(RuntimeError, lambda: module(x).sum().backward()) == (
            "Backward pre hook returned an invalid number of grad_output, got 2, but expected 1"
        )

    def test_no_input_requires_grad(self):
        module, log = nn.Linear(2, 1), []
        module.register_full_backward_hook(lambda m, grad_in, grad_out: log.append(grad_in))
        with pytest.warns(UserWarning, match="since no inputs require gradients"):
            module(pyrite.ones(1, 2)).sum().backward()
        assert log == [(None,)] and module.weight.grad is not None

    def test_without_grad_the_values_pass_untouched(self):
        module = nn.Identity()
        module.register_full_backward_hook(lambda *args: None)
        x = pyrite.ones(1, requires_grad=True)
        with pyrite.no_grad():
            assert module(x) is x

    def test_one_kind_of_backward_hook_a_module(self):
        module = nn.Identity()
        module.register_full_backward_hook(lambda *args: None)
        assert text_of(RuntimeError, lambda: module.register_backward_hook(lambda *args: None)) == (
            "Cannot use both regular backward hooks and full backward hooks on a single Module. "
            "Please use only one of them."
        )

    def test_deprecated_hook_on_the_last_operation(self):
        class Exp(nn.Module):
            def forward(self, x):
                return x.exp()

        module, log = Exp(), []
        module.register_backward_hook(lambda m, grad_in, grad_out: log.append(m))
        x = (pyrite.ones(1, requires_grad=True) * 2).clone()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            module(x).sum().backward()
        assert log == [module]
