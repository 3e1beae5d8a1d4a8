"""Running combinations, against loops."""

from __future__ import annotations

import operator

import pytest

import pyrite as torch
from pyrite._higher_order_ops import associative_scan


@pytest.mark.parametrize("length", [1, 2, 7, 8])
def test_sums_from_both_ends(length: int) -> None:
    x = torch.randn(3, length, 2, dtype=torch.float64)
    torch.testing.assert_close(associative_scan(operator.add, x, 1), x.cumsum(1))
    backwards = associative_scan(operator.add, x, 1, reverse=True)
    torch.testing.assert_close(backwards, x.flip(1).cumsum(1).flip(1))


def test_a_linear_recurrence_with_gradients() -> None:
    a, b = (torch.rand(6, dtype=torch.float64, requires_grad=True) for _ in range(2))
    _, states = associative_scan(lambda p, q: (p[0] * q[0], p[1] * q[0] + q[1]), (a, b), 0)
    state, expected = torch.zeros((), dtype=torch.float64), []
    for gain, drive in zip(a, b, strict=True):
        state = gain * state + drive
        expected.append(state)
    loop = torch.stack(expected)
    torch.testing.assert_close(states, loop)
    got = torch.autograd.grad(states.square().sum(), (a, b))
    torch.testing.assert_close(got, torch.autograd.grad(loop.square().sum(), (a, b)))
