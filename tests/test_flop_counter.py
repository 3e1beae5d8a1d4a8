"""Counts of floating-point operations: PyTorch 2.13.0's figures."""

from __future__ import annotations

import pytest

import pyrite as torch
from pyrite import nn
from pyrite.utils.flop_counter import FlopCounterMode


def test_forward_and_backward_by_module() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(256, 5))
    with FlopCounterMode(display=False) as counter:
        model(torch.randn(2, 3, 8, 8)).sum().backward()
    totals = {name: sum(ops.values()) for name, ops in counter.get_flop_counts().items()}
    assert totals == {
        "Global": 70656,
        "Sequential": 70656,
        "Sequential.0": 55296,
        "Sequential.2": 15360,
    }
    assert "Sequential.2" in counter.get_table() and "Sequential.2" not in counter.get_table(0)


def test_parts_of_attention_and_products() -> None:
    x = torch.randn(2, 3, 8, 8)
    with FlopCounterMode(display=False) as counter:
        nn.MultiheadAttention(8, 2)(x[0], x[0], x[0])
        nn.ConvTranspose2d(3, 4, 3)(x)
        torch.addmm(x[0, 0], x[0, 0], x[0, 0])
        x @ x
    counts = counter.get_flop_counts()
    assert sum(counts["MultiheadAttention"].values()) == 14592
    assert sum(counts["ConvTranspose2d"].values()) == 27648
    assert counter.get_total_flops() == 14592 + 27648 + 1024 + 6144


def test_own_formulas_and_missing_ones() -> None:
    x = torch.ones(2, 2)
    with pytest.raises(NotImplementedError, match="einsum has no formula"):
        with FlopCounterMode(display=False):
            torch.einsum("ij,jk->ik", x, x)
    formulas = {"einsum": lambda *args, out: out.numel()}
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        torch.einsum("ij,jk->ik", x, x)
    assert counter.get_total_flops() == 4
