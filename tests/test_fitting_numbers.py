"""Numbers written into tensors fit their dtype, or nothing is written."""

from __future__ import annotations

import pytest

import pyrite as torch
from recorded import cases, check

CASES = cases("fitting")


@pytest.mark.parametrize("expression", CASES)
def test_outcome_is_pytorchs(expression: str) -> None:
    check(expression, CASES[expression])


def test_nothing_is_written() -> None:
    x, mask = torch.ones(3, dtype=torch.float16), torch.tensor([True, False, True])
    with pytest.raises(RuntimeError, match=r"c10::Half without overflow\n  got -1000000000 for"):
        x.masked_fill_(mask, -1e9)
    with pytest.raises(RuntimeError, match="without overflow"):
        x.clamp_(max=1e9)
    assert x.tolist() == [1, 1, 1]
