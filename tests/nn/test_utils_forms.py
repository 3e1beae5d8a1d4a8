"""Pruning, spectral norms, orthogonal matrices, fusion: every case of data/nn_utils.json."""

from __future__ import annotations

import pytest

import pyrite as torch
from pyrite.nn.attention import SDPBackend, sdpa_kernel
from recorded import cases, check


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("expression", "expected"), cases("nn_utils").items())
def test_outcome_is_pytorchs(expression, expected):
    check(expression, expected)


def test_an_orthogonal_weight_stays_so_while_it_learns():
    layer = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(4, 3))
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    first = layer.weight.detach()
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.randn(8, 4)).square().sum().backward()
        optimizer.step()
    assert not torch.allclose(layer.weight, first)
    assert torch.allclose(layer.weight @ layer.weight.T, torch.eye(3), atol=1e-5)


def test_pruning_that_fails_leaves_the_module_as_it_was():
    layer = torch.nn.Linear(3, 2)
    with pytest.raises(ValueError, match="should be smaller"):
        torch.nn.utils.prune.l1_unstructured(layer, "weight", 10)
    assert sorted(layer.state_dict()) == ["bias", "weight"]


def test_choosing_an_attention_kernel_is_undone():
    q = torch.randn(1, 2, 3, 4)
    attention = torch.nn.functional.scaled_dot_product_attention
    with sdpa_kernel(SDPBackend.MATH):
        assert not torch.backends.cuda.flash_sdp_enabled()
        assert torch.equal(attention(q, q, q), attention(q, q, q))
    assert torch.backends.cuda.flash_sdp_enabled()
    with pytest.raises(AssertionError, match="Backend must be"), sdpa_kernel("math"):
        pass
