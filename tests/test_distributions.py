"""`distributions`: values, draws, gradients and errors as recorded with PyTorch 2.13.0."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pyrite as torch
from outcome import close, outcome
from pyrite import distributions as D

CASES = json.loads((Path(__file__).parent / "data/distributions.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("expression", CASES)
@pytest.mark.filterwarnings("ignore:sample_n")
def test_outcome_is_pytorchs(expression: str) -> None:
    expected, found = CASES[expression], outcome(expression, torch)
    assert found.keys() == expected.keys()
    assert close(found.get("value"), expected.get("value"))
    assert found.get("error") == expected.get("error")
    assert found.get("text", "").startswith(expected.get("text", ""))  # details may follow


@pytest.mark.parametrize("kind", [D.Normal, D.Uniform])
def test_rsample_has_gradients_to_both_parameters(kind: type) -> None:
    first = torch.tensor(0.3, requires_grad=True)
    second = torch.tensor(1.2, requires_grad=True)
    drawn = kind(first, second).rsample((4,))
    drawn.pow(2).sum().backward()
    assert first.grad is not None and second.grad is not None
    assert not kind(first, second).sample((4,)).requires_grad


def test_log_prob_has_gradients_to_logits() -> None:
    logits = torch.tensor([[0.1, 0.7, 0.2]], requires_grad=True)
    D.Categorical(logits=logits).log_prob(torch.tensor([1])).sum().backward()
    expected = torch.nn.functional.one_hot(torch.tensor([1]), 3) - logits.detach().softmax(1)
    torch.testing.assert_close(logits.grad, expected)


def test_register_kl_adds_a_pair() -> None:
    class Constant(D.Normal):
        pass

    @D.register_kl(Constant, Constant)
    def divergence(p: Constant, q: Constant) -> torch.Tensor:
        return torch.tensor(42.0)

    assert D.kl_divergence(Constant(0.0, 1.0), Constant(0.0, 1.0)).item() == 42.0
    assert D.kl_divergence(Constant(0.0, 1.0), D.Normal(0.0, 1.0)).item() == 0.0
