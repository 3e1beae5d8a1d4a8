"""Ops without a kernel for the GPU run on the CPU: counted, warned of once, refused on request."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import pyrite as torch
from on_both import compare, same
from pyrite import gpu

pytestmark = pytest.mark.filterwarnings("ignore:The operator 'aten:UserWarning")


@contextmanager
def falling_back(op: str, times: int = 1) -> Iterator[None]:
    """Checks that the op, and no other, runs on the CPU as often as that."""
    before = gpu.fallbacks()
    yield
    after = gpu.fallbacks()
    gone = {name: after[name] - before.get(name, 0) for name in after}
    assert {name: count for name, count in gone.items() if count} == {op: times}


def test_values_and_gradients_are_the_cpus() -> None:
    x = torch.randn(4, 5)
    with falling_back("i0"):
        compare(lambda x: torch.i0(x.detach()), x)
    positive = x @ x.T + 5 * torch.eye(4)
    compare(torch.linalg.cholesky, positive, tol=1e-4)


def test_exponentials_of_matrices_need_no_double_precision() -> None:
    compare(torch.linalg.matrix_exp, torch.randn(2, 3, 3), tol=1e-4)


def test_results_stay_on_the_gpu() -> None:
    x = torch.randn(4, 5, device="cuda")
    mantissa, exponent = torch.frexp(x)
    assert str(mantissa.device) == str(exponent.device) == "cuda:0"


def test_in_place_on_a_view_changes_the_view_alone() -> None:
    x = torch.rand(6, 4)
    results = []
    for device in ["cpu", "gpu"]:
        base = x.to(device).clone()
        base[::2, 1:3].i0_()
        results.append(base)
    same(results[1], results[0])
    assert not results[0].equal(x)


def test_out_is_filled() -> None:
    x = torch.randn(4, 5)
    mantissa = torch.empty(4, 5, device="gpu")
    exponent = torch.empty(4, 5, dtype=torch.int32, device="gpu")
    torch.frexp(x.to("gpu"), out=(mantissa, exponent))
    assert mantissa.cpu().equal(torch.frexp(x).mantissa)
    assert exponent.cpu().equal(torch.frexp(x).exponent)


def test_a_failed_call_leaves_the_tensor() -> None:
    x = torch.rand(3, 3, device="gpu")
    before = x.cpu()
    with pytest.raises(RuntimeError):
        torch.linalg.cholesky(-torch.eye(3, device="gpu"), out=x)
    assert x.cpu().equal(before)


def test_operands_elsewhere_are_refused() -> None:
    x, source = torch.rand(3, 2, device="gpu"), torch.rand(1, 2, device="gpu")
    with pytest.raises(RuntimeError, match="on the same device"):
        x.index_reduce(0, torch.tensor([1]), source, "prod")


def test_forbidden_it_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(4, 5, device="gpu")
    before = gpu.fallbacks()
    monkeypatch.setenv("PYRITE_GPU_FALLBACK", "error")
    with pytest.raises(NotImplementedError, match=r"'aten::i0' is not (.|\n)*on gpu:0"):
        torch.i0(x)
    monkeypatch.setenv("PYRITE_GPU_FALLBACK", "sometimes")
    with pytest.raises(ValueError, match="'warn' or 'error', got 'sometimes'"):
        torch.i0(x)
    assert gpu.fallbacks() == before


def test_the_first_of_each_op_warns() -> None:
    code = """
import pyrite
x = pyrite.randn(4, 5, device="gpu")
for _ in range(3):
    pyrite.i0(x)
x.cov().isnan()
"""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ},
    )  # fmt: skip
    assert done.stderr.count("'aten::i0' is not currently supported on the GPU") == 1


def test_a_warning_made_an_error_stops_the_call() -> None:
    code = """
import pyrite, warnings
warnings.simplefilter("error")
pyrite.i0(pyrite.randn(4, 5, device="gpu"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "UserWarning: The operator 'aten::i0'" in done.stderr


def test_dtypes_without_arithmetic_stay_errors() -> None:
    x = torch.randn(4, device="gpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(NotImplementedError, match=r"complex64(.|\n)*\.float\(\)(.|\n)*fft"):
            torch.fft.fft(x)
        with pytest.raises(TypeError, match=r"float64(.|\n)*\.float\(\)"):
            x.double()
