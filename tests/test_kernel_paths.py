"""Kernels that take another way for some operands: on both sides they give numpy's results."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import pyrite as torch

MEMORY = Path("/proc/self/statm")
SIZES = [1, 31, 32, 33, 63, 64, 100, 5000]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "float32", "float64", "complex128"])
@pytest.mark.parametrize("n", SIZES)
def test_where_chooses_by_any_byte_that_is_not_zero(n: int, dtype: str) -> None:
    a, b = (numbers(n, seed=s).astype(dtype) for s in (1, 2))
    bytes_of = torch.tensor(np.random.default_rng(3).integers(0, 3, n).astype(np.uint8))
    condition = bytes_of.view(torch.bool)
    chosen = torch.where(condition, torch.tensor(a), torch.tensor(b))
    assert np.array_equal(chosen.numpy(), np.where(bytes_of.numpy() != 0, a, b))


@pytest.mark.parametrize("exponent", [2, 3, 0.5, -0.5, -1, -2, 2.0, 3.0, 2.5, 4])
def test_common_exponents_are_powers(exponent: float) -> None:
    x = np.abs(numbers(100)) + 0.1
    power = torch.tensor(x).pow(exponent)
    assert np.allclose(power.numpy(), x**exponent, rtol=1e-6)
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    (leaf**exponent).sum().backward()
    assert np.allclose(leaf.grad.numpy(), exponent * leaf.detach().numpy() ** (exponent - 1))
    written = torch.tensor(x)
    assert torch.equal(written.pow_(exponent), power)
    assert (leaf**exponent).grad_fn.name() == "PowBackward0"


def test_powers_of_integers_keep_their_dtype_and_wrap() -> None:
    x = torch.tensor([-3, 0, 7, 100], dtype=torch.int8)
    assert torch.equal(x**2, torch.tensor([9, 0, 49, 16], dtype=torch.int8))
    assert (x**3).dtype == torch.int8 and (x**2.0).dtype == torch.float32
    assert (torch.tensor([True, False]) ** 2).tolist() == [1, 0]


def test_remainders_are_exact_over_the_whole_range() -> None:
    rng = np.random.default_rng(0)
    a, b = (
        (rng.standard_normal(20000) * 10.0 ** rng.integers(-30, 30, 20000)).astype(np.float32)
        for _ in range(2)
    )
    edges = np.array([0.0, -0.0, 1.0, -4.0, np.inf, -np.inf, np.nan, 1e-45, 3e38], np.float32)
    a = np.concatenate([a, edges.repeat(edges.size)])
    b = np.concatenate([b, np.tile(edges, edges.size)])
    with np.errstate(invalid="ignore"):
        wanted = np.fmod(a, b)
    found = torch.fmod(torch.tensor(a), torch.tensor(b)).numpy()
    assert np.array_equal(found, wanted, equal_nan=True)
    finite = np.isfinite(wanted)
    assert np.array_equal(np.signbit(found[finite]), np.signbit(wanted[finite]))
    whole = torch.remainder(torch.tensor([-4.0, 5.0, -5.0, 5.0]), torch.tensor([3.0, -3, -3, 3]))
    assert whole.tolist() == [2.0, -1.0, -2.0, 2.0]


@pytest.mark.parametrize("n", [1, 7, 256, 257, 700, 1021])
@pytest.mark.parametrize("shift", [0, 1, 3, 16])
def test_rows_are_copied_whatever_their_alignment(n: int, shift: int) -> None:
    x = numbers(5, n)
    assert np.array_equal(torch.tensor(x).roll(shift, 1).numpy(), np.roll(x, shift, 1))
    padded = torch.nn.functional.pad(torch.tensor(x), (shift, 1))
    assert np.array_equal(padded.numpy(), np.pad(x, ((0, 0), (shift, 1))))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8])
@pytest.mark.parametrize("width", [1, 2, 33])
def test_slices_that_meet_at_one_place_add_up(width: int, dtype: type) -> None:
    rng = np.random.default_rng(1)
    source = rng.integers(0, 9, (40, width)).astype(dtype)
    index = rng.integers(0, 7, 40)
    wanted = np.ones((7, width), dtype)
    np.add.at(wanted, index, source)
    target = torch.ones(7, width, dtype=torch.tensor(source).dtype)
    target.index_add_(0, torch.tensor(index), torch.tensor(source))
    assert np.array_equal(target.numpy(), wanted)
    along = torch.ones(7, width, dtype=target.dtype)
    places = torch.tensor(index)[:, None].expand(40, width)
    along.scatter_add_(0, places, torch.tensor(source))
    assert np.array_equal(along.numpy(), wanted)


@pytest.mark.parametrize("rows", [25, 26, 60])
def test_distances_by_differences_and_by_products(rows: int) -> None:
    a, b = numbers(2, rows, 5, seed=1), numbers(1, 9, 5, seed=2)
    x = torch.tensor(a, requires_grad=True)
    y = torch.tensor(b, requires_grad=True)
    found = torch.cdist(x, y)
    wanted = np.linalg.norm(a[:, :, None] - b[:, None], axis=-1)
    assert np.allclose(found.detach().numpy(), wanted, atol=1e-5)
    found.sum().backward()
    direction = (a[:, :, None] - b[:, None]) / wanted[..., None]
    assert np.allclose(x.grad.numpy(), direction.sum(2), atol=1e-4)
    assert np.allclose(y.grad.numpy(), -direction.sum((0, 1))[None], atol=1e-4)


def test_the_distance_of_a_row_to_itself_has_no_gradient() -> None:
    x = torch.zeros(30, 3, requires_grad=True)
    torch.cdist(x, x).sum().backward()
    assert torch.equal(x.grad, torch.zeros(30, 3))


def test_second_derivatives_of_distances_by_products() -> None:
    torch.manual_seed(0)
    x = torch.randn(27, 2, dtype=torch.float64, requires_grad=True)
    y = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(torch.cdist, (x, y))
    assert torch.autograd.gradgradcheck(torch.cdist, (x, y))


def test_numbers_take_the_place_of_what_is_not_finite() -> None:
    values = [1.0, float("nan"), float("inf"), -float("inf")]
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        high = torch.finfo(dtype).max
        x = torch.tensor(values, dtype=dtype)
        assert x.nan_to_num().tolist() == [1.0, 0.0, high, -high]
        assert x.nan_to_num(2.0, 3.0, 4.0).tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 1.0, -1, 2])
def test_lerp_by_a_number_ends_where_it_should(weight: float) -> None:
    a, b = numbers(50, seed=1), numbers(50, seed=2)
    found = torch.lerp(torch.tensor(a), torch.tensor(b), weight).numpy()
    assert np.allclose(found, a + weight * (b - a), atol=1e-6)
    if weight in (0.0, 1.0):
        assert np.array_equal(found, b if weight else a)


@pytest.mark.skipif(not MEMORY.exists(), reason="memory is read from /proc")
def test_a_tensor_just_below_two_megabytes_is_given_back() -> None:
    x = torch.ones(490_000)
    before = _resident()
    for _ in range(200):
        x + 1
    assert _resident() - before < 50


def _resident() -> float:
    """Megabytes of this process in memory."""
    return int(MEMORY.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
