"""Operators that programs define."""

from __future__ import annotations

from typing import Any

import pytest

import pyrite as torch


@torch.library.custom_op("tests::power", mutates_args=())
def power(x: torch.Tensor, n: int = 2) -> torch.Tensor:
    return x**n


def test_is_called_by_object_and_by_name() -> None:
    x = torch.full((2,), 3.0)
    assert power(x).tolist() == [9, 9] and torch.ops.tests.power(x, n=3).tolist() == [27, 27]
    assert repr(power) == "<CustomOpDef(tests::power)>"
    with pytest.raises(AttributeError, match="'_OpNamespace' 'tests' object has no attribute 'no'"):
        _ = torch.ops.tests.no


def test_without_a_formula_backward_says_so() -> None:
    op = torch.library.custom_op("tests::cube", lambda x: x**3, mutates_args=())
    y = op(torch.ones(2, requires_grad=True))
    with pytest.raises(RuntimeError, match=r"through tests\.cube\.default but no autograd formula"):
        y.sum().backward()


def test_the_formula_is_the_gradient() -> None:
    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(inputs[0])
        ctx.n = inputs[1]

    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return grad * ctx.n * x ** (ctx.n - 1), None

    torch.library.register_autograd("tests::power", backward, setup_context=setup)
    x = torch.full((2,), 3.0, requires_grad=True)
    power(x, 3).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [27, 27]


def test_shape_rules_and_kernels() -> None:
    op = torch.library.custom_op("tests::rows", lambda x: x.sum(1), mutates_args=())
    with pytest.raises(NotImplementedError, match="register_fake"):
        op(torch.ones(2, 3, device="meta"))
    torch.library.register_fake("tests::rows", lambda x: x.new_empty(x.shape[0]))
    assert op(torch.ones(2, 3, device="meta")).shape == (2,)
    op.register_kernel("cpu")(lambda x: -x.sum(1))
    assert op(torch.ones(2, 3)).tolist() == [-3, -3]


def test_ops_of_the_core_by_internal_names() -> None:
    x = torch.ones(2, 2)
    assert torch.equal(torch.ops.aten.mm.default(x, x), x @ x)
    assert torch.ops.aten.add_.Tensor(x, 1) is x and x.sum() == 8
    assert torch.ops.aten._to_copy.default(x, dtype=torch.float64).dtype == torch.float64
    with pytest.raises(NotImplementedError, match=r"ops\.aten\.no_such"):
        torch.ops.aten.no_such.default(x)


def test_a_shape_rule_may_come_before_its_operator() -> None:
    torch.library.register_fake("tests::later")(lambda x: x.new_empty(7))
    op = torch.library.custom_op("tests::later", lambda x: x + 1, mutates_args=())
    assert op(torch.ones(2, device="meta")).shape == (7,)
    with pytest.raises(RuntimeError, match="operator tests::never does not exist"):
        torch.library.register_kernel("tests::never", "cpu")


def test_libraries_of_operators_in_cpp_are_refused() -> None:
    with pytest.raises(OSError, match=r"Could not load this library: /some\.so"):
        torch.ops.load_library("/some.so")
    assert torch.ops.loaded_libraries == set()


def test_sets_of_dispatch_keys() -> None:
    key, keys = torch._C.DispatchKey, torch._C.DispatchKeySet
    both = keys(key.AutocastCUDA) | keys(key.AutocastCPU)
    assert repr(both) == "DispatchKeySet(AutocastCPU, AutocastCUDA)"
    assert both.has(key.AutocastCPU) and not both.has(key.CPU)
    assert both - keys(key.AutocastCPU) == keys(key.AutocastCUDA) == both.remove(key.AutocastCPU)
    assert both & keys(key.CPU) == keys() and keys().add(key.CPU) == keys(key.CPU)
    assert str(key.CPU) == "DispatchKey.CPU" and len({both, both | both}) == 1
