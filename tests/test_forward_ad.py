"""Dual tensors: derivatives along a direction agree with the products of `func.jvp`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import pyrite as torch
from pyrite.autograd import forward_ad as fwd


@pytest.fixture
def level() -> Iterator[None]:
    with fwd.dual_level():
        yield


def along(f, x, direction):
    return fwd.unpack_dual(f(fwd.make_dual(x, direction))).tangent


FUNCTIONS = [
    lambda x: x.sin() * 2 + x,
    lambda x: (x * torch.ones(3)).sum(),
    lambda x: x.softmax(-1),
    lambda x: x.clone().mul_(3),
    lambda x: x @ torch.arange(6.0).reshape(3, 2),
    lambda x: x.relu().cumsum(0),
    lambda x: x,
]


@pytest.mark.parametrize("f", FUNCTIONS)
def test_tangent_is_the_product_with_the_jacobian(level, f):
    x, direction = torch.randn(2, 3), torch.randn(2, 3)
    tangent = along(f, x, direction)
    torch.testing.assert_close(tangent, torch.func.jvp(f, (x,), (direction,))[1])
    assert not tangent.requires_grad


def test_a_dual_tensor_gives_its_tangent_back(level):
    tangent = torch.tensor([3.0, 4.0])
    x = fwd.make_dual(torch.tensor([1.0, 2.0]), tangent)
    assert fwd.unpack_dual(x).tangent is tangent
    x.mul_(2)
    assert fwd.unpack_dual(x).tangent.tolist() == [6.0, 8.0]


def test_two_directions_add_up(level):
    a = fwd.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]))
    b = fwd.make_dual(torch.tensor([3.0, 4.0]), torch.tensor([0.0, 1.0]))
    assert fwd.unpack_dual(a * b).tangent.tolist() == [3.0, 2.0]


def test_complex_numbers(level):
    x, direction = torch.tensor([1 + 1j]), torch.tensor([2 + 1j])
    assert along(lambda x: x * x, x, direction).tolist() == [2 + 6j]


def test_tangents_keep_the_history_of_parameters(level):
    layer = torch.nn.Linear(3, 2)
    along(layer, torch.ones(1, 3), torch.ones(1, 3)).sum().backward()
    assert layer.weight.grad.tolist() == [[1.0] * 3] * 2


def test_what_no_direction_reaches_has_no_tangent(level):
    x = fwd.make_dual(torch.ones(2), torch.ones(2))
    assert fwd.unpack_dual(torch.ones(2)).tangent is None
    assert fwd.unpack_dual(x > 0).tangent is None
    assert fwd.unpack_dual(torch.ones(2, requires_grad=True) * 2).tangent is None
    assert not fwd.unpack_dual(x).primal.requires_grad


def test_without_a_level():
    x = torch.ones(2)
    assert fwd.unpack_dual(x).primal is x
    assert fwd.unpack_dual(x).tangent is None
    with pytest.raises(RuntimeError, match="no level exists"):
        fwd.make_dual(x, x)
    with pytest.raises(RuntimeError, match="Dual level must be a positive number"):
        fwd.exit_dual_level()


def test_bad_calls(level):
    x = torch.ones(2)
    with pytest.raises(RuntimeError, match="Nested forward mode AD is not supported"):
        fwd.enter_dual_level()
    with pytest.raises(RuntimeError, match="forward gradient that has a different size"):
        fwd.make_dual(x, torch.ones(3))
    with pytest.raises(ValueError, match="Expected primal to be floating point or complex"):
        fwd.make_dual(x.long(), x)
    with torch.no_grad(), pytest.raises(NotImplementedError, match="no_grad"):
        fwd.make_dual(x, x)
