"""`_foreach_*`: values, kinds of results and errors as recorded with PyTorch 2.13.0."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pyrite as torch
import pyrite.utils._foreach_utils as utils
from outcome import close, outcome

CASES = json.loads((Path(__file__).parent / "data/foreach.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("expression", CASES)
def test_outcome_is_pytorchs(expression: str) -> None:
    expected, found = CASES[expression], outcome(expression, torch)
    assert found.keys() == expected.keys()
    assert close(found.get("value"), expected.get("value"))
    assert found.get("error") == expected.get("error")
    assert found.get("text", "").startswith(expected.get("text", ""))


def test_a_step_on_a_list_has_gradients() -> None:
    leaves = [torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)]
    sum(tensor.sum() for tensor in torch._foreach_mul(leaves, [2.0, 3.0])).backward()
    assert [leaf.grad.tolist() for leaf in leaves] == [[2.0] * 2, [3.0] * 3]


def test_rows_are_grouped_by_dtype() -> None:
    tensors = [torch.ones(1), torch.ones(1).double(), torch.ones(2)]
    found = utils._group_tensors_by_device_and_dtype([tensors, [7, 8, 9], []], with_indices=True)
    cpu = torch.device("cpu")
    (first, numbers, empty), rows = found[cpu, torch.float32]
    assert [one is tensors[row] for one, row in zip(first, (0, 2), strict=True)] == [True, True]
    assert (numbers, empty, rows) == ([7, 9], [], [0, 2])
    assert found[cpu, torch.float64][1] == [1]
    assert utils._group_tensors_by_device_and_dtype([tensors])[cpu, torch.float64][1] == []
