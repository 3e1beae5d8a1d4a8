"""Fourier transforms: values as recorded with PyTorch 2.13.0, the definition, gradients."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import pyrite as torch
from outcome import close, outcome

CASES = json.loads((Path(__file__).parent / "data/fft.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("expression", CASES)
def test_outcome_is_pytorchs(expression: str) -> None:
    expected, found = CASES[expression], outcome(expression, torch)
    assert found.keys() == expected.keys()
    assert close(found.get("value"), expected.get("value"), 2e-5), found
    assert found.get("error") == expected.get("error")
    assert found.get("text", "").startswith(expected.get("text", ""))  # details may follow


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 12, 30, 61, 67, 128, 131, 134, 1009])
def test_is_the_sum_of_its_definition(n: int) -> None:
    torch.manual_seed(n)
    x = torch.randn(2, n, dtype=torch.complex128)
    order = torch.arange(n, dtype=torch.float64)
    angle = -2 * math.pi / n * (order[:, None] * order % n)
    expected = x @ torch.complex(angle.cos(), angle.sin())
    torch.testing.assert_close(torch.fft.fft(x), expected)
    torch.testing.assert_close(torch.fft.ifft(expected), x)
    torch.testing.assert_close(torch.fft.fft(x.T, dim=0), expected.T)
    torch.testing.assert_close(torch.fft.irfft(torch.fft.rfft(x.real), n), x.real)


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
def test_gradients_of_both_orders(name: str, norm: str) -> None:
    real = name in ("rfft", "ihfft")
    x = torch.randn(2, 5, dtype=torch.float64 if real else torch.complex128, requires_grad=True)

    def function(x: torch.Tensor) -> Any:
        return getattr(torch.fft, name)(x, n=6, norm=norm)

    assert torch.autograd.gradcheck(function, [x])
    assert torch.autograd.gradgradcheck(function, [x])


def test_signal_comes_back_from_its_windows() -> None:
    x = torch.randn(2, 100, dtype=torch.float64, requires_grad=True)
    window = torch.hann_window(16, dtype=torch.float64)
    spectra = torch.stft(x, 16, window=window, return_complex=True)
    back = torch.istft(spectra, 16, window=window, length=100)
    torch.testing.assert_close(back, x)
    back.sum().backward()
    torch.testing.assert_close(x.grad, torch.ones_like(x))
