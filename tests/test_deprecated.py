"""Older spellings that programs still use: numbers before the tensors they scale, and more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import pyrite as torch
from recorded import cases, check

DEPRECATED = cases("deprecated")


@pytest.mark.parametrize("expression", DEPRECATED)
@pytest.mark.filterwarnings("ignore:This overload")
def test_outcome_is_pytorchs(expression: str) -> None:
    check(expression, DEPRECATED[expression])


def test_todays_spelling_is_named() -> None:
    with pytest.warns(UserWarning, match="overload of add_ is deprecated") as caught:
        torch.ones(2).add_(2, torch.ones(2))
    assert "add_(Tensor other, *, Number alpha = 1)" in str(caught[0].message)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.add(x, 2),
        lambda x: torch.add(2, x, x),
        lambda x: x.addcmul(x, 2, x),
        lambda x: torch.addmm(x, x, 2, x),
        lambda x: x.addmm(x, 2, x),
    ],
)
def test_numbers_elsewhere_are_refused(call: Callable[[torch.Tensor], object]) -> None:
    with pytest.raises(TypeError):
        call(torch.eye(2))


def test_only_inputs_is_accepted() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    assert torch.autograd.grad(x**2, x, only_inputs=True)[0].item() == 6.0
    with pytest.warns(FutureWarning, match="only_inputs argument is deprecated"):
        assert torch.autograd.grad(x**2, x, only_inputs=False)[0].item() == 6.0
