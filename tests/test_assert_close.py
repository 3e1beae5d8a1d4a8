"""`testing.assert_close`: passes, fails and words its errors as PyTorch 2.13.0 does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pyrite as torch
from outcome import close, outcome

CASES = json.loads((Path(__file__).parent / "data/assert_close.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("expression", CASES)
def test_outcome_is_pytorchs(expression: str) -> None:
    assert outcome(expression, torch) == CASES[expression]


def test_the_table_has_passes_and_failures() -> None:
    kinds = [set(case) for case in CASES.values()]
    assert {"value"} in kinds and {"error", "text"} in kinds


def test_exact_type_is_asked_for() -> None:
    parameter = torch.nn.Parameter(torch.ones(1))
    torch.testing.assert_close(parameter, torch.ones(1))
    with pytest.raises(TypeError, match="No comparison pair was able to handle inputs of type"):
        torch.testing.assert_close(parameter, torch.ones(1), allow_subclasses=False)


def test_close_compares_nested_lists() -> None:
    assert close([1.0, ["nan"]], [1.0 + 1e-9, ["nan"]])
    assert not close([1.0], [1.1]) and not close([1.0], [1.0, 2.0])
