"""Complex numbers with float16 parts: stored in 32 bits, computed as complex64."""

from __future__ import annotations

import io

import pytest

import pyrite as torch
from recorded import cases, check

CASES = cases("complex_half")


def sample() -> torch.Tensor:
    return torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex32)


@pytest.mark.parametrize("expression", CASES)
def test_outcome_is_pytorchs(expression: str) -> None:
    check(expression, CASES[expression])


def test_what_pytorch_has_no_kernel_for_computes_in_complex64() -> None:
    x = sample()
    for op in (torch.exp, torch.sqrt, torch.reciprocal, torch.cumsum, torch.prod):
        dims = (0,) if op is torch.cumsum else ()
        found, wanted = op(x, *dims), op(x.cfloat(), *dims)
        torch.testing.assert_close(found, wanted.chalf(), rtol=0, atol=0)
    y = torch.randn(5, 7, dtype=torch.complex32)
    wide = (y.cfloat() @ y.cfloat().mH).chalf()
    torch.testing.assert_close(y @ y.mH, wide)


def test_saved_tensors_keep_dtype_and_storage() -> None:
    x, file = sample(), io.BytesIO()
    torch.save({"x": x, "part": x[1:]}, file)
    file.seek(0)
    back = torch.load(file)
    torch.testing.assert_close(back["x"], x, rtol=0, atol=0)
    back["part"].zero_()
    assert back["x"].tolist() == [1 + 2j, 0]
