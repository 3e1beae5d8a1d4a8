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


# Expected values whose derivatives by the parameters are known: E[x], written with them.
MEANS = {
    "Gamma": (D.Gamma, (2.0, 3.0), lambda a, b: a / b),
    "Beta": (D.Beta, (2.0, 3.0), lambda a, b: a / (a + b)),
    "Chi2": (D.Chi2, (3.0,), lambda k: k),
    "InverseGamma": (D.InverseGamma, (6.0, 2.0), lambda a, b: b / (a - 1)),
}


@pytest.mark.parametrize("name", MEANS)
def test_draws_of_gammas_are_differentiable(name: str) -> None:
    kind, values, mean = MEANS[name]
    torch.manual_seed(0)
    drawn = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]
    kind(*drawn).rsample((40_000,)).mean().backward()
    exact = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]
    mean(*exact).backward()
    for found, wanted in zip(drawn, exact, strict=True):
        assert torch.allclose(found.grad, wanted.grad, rtol=0.05), (found.grad, wanted.grad)


def test_a_dirichlet_draw_is_the_same_with_gradients() -> None:
    concentration = torch.tensor([[0.5, 2.0, 3.0], [4.0, 1.0, 0.2]], requires_grad=True)
    torch.manual_seed(0)
    plain = D.Dirichlet(concentration).sample((100,))
    torch.manual_seed(0)
    drawn = D.Dirichlet(concentration).rsample((100,))
    assert torch.allclose(drawn, plain, rtol=1e-5)
    drawn.sum().backward()  # each draw sums to one, whatever the concentrations are
    assert torch.allclose(concentration.grad, torch.zeros(2, 3), atol=1e-4)


def test_a_gamma_draw_has_no_second_derivative() -> None:
    shape = torch.tensor(2.0, requires_grad=True)
    (slope,) = torch.autograd.grad(D.Gamma(shape, 1.0).rsample(), shape, create_graph=True)
    with pytest.raises(NotImplementedError, match="_standard_gamma_grad"):
        torch.autograd.grad(slope, shape)


def test_entropy_of_an_exponential_family_by_its_normalizer() -> None:
    class Exponential(D.Exponential):
        entropy = D.ExponentialFamily.entropy
        _mean_carrier_measure = 0

        @property
        def _natural_params(self) -> tuple[torch.Tensor, ...]:
            return (-self.rate,)

        def _log_normalizer(self, theta: torch.Tensor) -> torch.Tensor:
            return -(-theta).log()

    rate = torch.tensor([0.5, 2.0])
    torch.testing.assert_close(Exponential(rate).entropy(), D.Exponential(rate).entropy())
    assert isinstance(D.Normal(0.0, 1.0), D.ExponentialFamily)
    with pytest.raises(NotImplementedError):
        D.ExponentialFamily.entropy(D.Normal(0.0, 1.0))


def test_a_subclass_of_independent_expands_when_it_passes_settings_on() -> None:
    class Independent(D.Independent):  # as Pyro's
        @property
        def _validate_args(self) -> bool:
            return bool(self.base_dist._validate_args)

        @_validate_args.setter
        def _validate_args(self, value: bool) -> None:
            self.base_dist._validate_args = value

    rows = Independent(D.Normal(torch.zeros(3), 1.0), 1)
    assert rows.expand((2,)).sample().shape == (2, 3)


def test_formulas_can_be_registered_for_any_class() -> None:
    assert callable(D.register_kl(int, D.Normal))
    with pytest.raises(TypeError):
        D.register_kl(3, D.Normal)
