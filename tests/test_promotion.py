"""Result dtypes of mixed operands: PyTorch 2.13.0's, for every pair of dtypes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pyrite as torch
from promotion_table import DTYPES, result

TABLE: dict[str, list[list[str | None]]] = json.loads(
    (Path(__file__).parent / "data/promotion.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("left", DTYPES)
@pytest.mark.parametrize("key", TABLE)
def test_result_dtype_is_pytorchs(key: str, left: str) -> None:
    op, kind = key.split(", ")
    expected = TABLE[key][DTYPES.index(left)]
    found = [
        None if want is None else result(torch, op, kind, left, right)
        for right, want in zip(DTYPES, expected, strict=True)
    ]
    assert dict(zip(DTYPES, found, strict=True)) == dict(zip(DTYPES, expected, strict=True))


def test_promote_types_is_symmetric_and_idempotent() -> None:
    dtypes = [getattr(torch, name) for name in DTYPES]
    for a in dtypes:
        assert torch.promote_types(a, a) is a
        for b in dtypes:
            both = torch.promote_types(a, b)
            assert both is torch.promote_types(b, a) is torch.promote_types(both, a)
            assert torch.can_cast(a, both) and torch.can_cast(b, both)


def test_numbers_lift_the_category_only() -> None:
    small = torch.ones(2, dtype=torch.int8)
    assert torch.result_type(small, 1000) is torch.int8
    assert torch.result_type(small, 0.5) is torch.float32
    assert torch.result_type(torch.ones(2, dtype=torch.bfloat16), 1e300) is torch.bfloat16
    torch.set_default_dtype(torch.float64)
    assert (small + 0.5).dtype is torch.float64
