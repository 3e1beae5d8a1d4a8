"""Linear algebra: values and errors as recorded with PyTorch 2.13.0, gradients by differences."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pyrite as torch
from outcome import close, outcome
from pyrite import linalg as L

CASES = json.loads((Path(__file__).parent / "data/linalg.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("expression", CASES)
def test_outcome_is_pytorchs(expression: str) -> None:
    expected, found = CASES[expression], outcome(expression, torch)
    assert found.keys() == expected.keys()
    assert close(found.get("value"), expected.get("value"), 2e-5), found
    assert found.get("error") == expected.get("error")
    assert found.get("text", "").startswith(expected.get("text", ""))  # details may follow


def matrix(*dims: int, dtype: Any = torch.float64) -> torch.Tensor:
    torch.manual_seed(sum(dims))
    return torch.randn(dims, dtype=dtype)


def adjoint(a: torch.Tensor) -> torch.Tensor:
    return a.mT.conj()


DTYPES = [torch.float32, torch.float64, torch.complex64, torch.complex128]
SHAPES = [(3, 3), (5, 2), (2, 5), (2, 4, 4), (2, 3, 6, 3), (0, 3, 3), (2, 0, 0), (40, 30)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_factors_multiply_to_the_matrix(shape: tuple[int, ...], dtype: Any) -> None:
    a = matrix(*shape, dtype=dtype)
    q, r = L.qr(a)
    torch.testing.assert_close(q @ r, a)
    u, s, vh = L.svd(a, full_matrices=False)
    torch.testing.assert_close((u * s.unsqueeze(-2)) @ vh, a)
    assert (s[..., :-1] >= s[..., 1:]).all()
    whole_u, _, whole_vh = L.svd(a)
    for basis in (whole_u, whole_vh, L.qr(a, "complete").Q):
        eye = torch.eye(basis.shape[-1], dtype=dtype).expand(basis.shape)
        torch.testing.assert_close(adjoint(basis) @ basis, eye)
    p, lower, upper = L.lu(a)
    torch.testing.assert_close(p @ lower @ upper, a)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [s for s in SHAPES if s[-1] == s[-2]] + [(30, 30)])
def test_square_factors_multiply_to_the_matrix(shape: tuple[int, ...], dtype: Any) -> None:
    a = matrix(*shape, dtype=dtype)
    hermitian = a + adjoint(a)
    values, vectors = L.eigh(hermitian)
    torch.testing.assert_close((vectors * values.unsqueeze(-2)) @ adjoint(vectors), hermitian)
    values, vectors = L.eig(a)
    torch.testing.assert_close(vectors * values.unsqueeze(-2), a.to(values.dtype) @ vectors)
    definite = a @ adjoint(a) + torch.eye(shape[-1], dtype=dtype)
    factor = L.cholesky(definite)
    torch.testing.assert_close(factor @ adjoint(factor), definite)
    b = matrix(*shape[:-1], 2, dtype=dtype)
    for flag in (False, True):
        symmetric = hermitian if flag else a + a.mT
        x = L.ldl_solve(*L.ldl_factor(symmetric, hermitian=flag), b, hermitian=flag)
        torch.testing.assert_close(symmetric @ x, b, rtol=1e-3, atol=1e-3)
    factors = L.lu_factor(a)
    x, y = L.lu_solve(*factors, b), L.lu_solve(*factors, b, adjoint=True)
    torch.testing.assert_close(a @ x, b, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(adjoint(a) @ y, b, rtol=1e-3, atol=1e-3)


def definite(a: torch.Tensor) -> torch.Tensor:
    return a @ adjoint(a) + torch.eye(a.shape[-1], dtype=a.dtype)


def projector(vectors: torch.Tensor) -> torch.Tensor:
    """What of an eigenvector does not depend on its phase."""
    return vectors[..., :1] @ adjoint(vectors[..., :1])


FUNCTIONS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "qr": (L.qr, [(4, 2)]),
    "qr_wide": (L.qr, [(2, 4)]),
    "qr_complete": (lambda a: L.qr(a, "complete"), [(2, 3)]),
    "svdvals": (L.svdvals, [(4, 3)]),
    "svd": (lambda a: projector(L.svd(a, False)[0]), [(4, 3)]),
    "svd_right": (lambda a: projector(adjoint(L.svd(a, False)[2])), [(2, 4)]),
    "eigvalsh": (lambda a: L.eigvalsh(a + adjoint(a)), [(3, 3)]),
    "eigh": (lambda a: projector(L.eigh(a + adjoint(a))[1]), [(3, 3)]),
    "eigvals": (lambda a: L.eigvals(a).abs(), [(3, 3)]),
    "cholesky": (lambda a: L.cholesky(definite(a)), [(2, 3, 3)]),
    "lu": (lambda a: L.lu(a)[1:], [(3, 3)]),
    "lu_tall": (lambda a: L.lu(a)[1:], [(4, 2)]),
    "lu_wide": (lambda a: L.lu(a)[1:], [(2, 4)]),
    "lu_factor": (lambda a: L.lu_factor(a)[0], [(3, 3)]),
    "lu_solve": (lambda a, b: L.lu_solve(*L.lu_factor(a), b), [(3, 3), (3, 2)]),
    "solve": (L.solve, [(3, 3), (3, 2)]),
    "solve_right": (lambda a, b: L.solve(a, b, left=False), [(3, 3), (2, 3)]),
    "solve_triangular": (
        lambda a, b: L.solve_triangular(a + 3 * torch.eye(3), b, upper=True),
        [(3, 3), (3, 2)],
    ),
    "inv": (L.inv, [(2, 3, 3)]),
    "pinv": (L.pinv, [(4, 2)]),
    "det": (L.det, [(2, 3, 3)]),
    "slogdet": (lambda a: L.slogdet(a)[1], [(3, 3)]),
    "lstsq": (lambda a, b: L.lstsq(a, b)[0], [(4, 2), (4, 1)]),
    "matrix_exp": (L.matrix_exp, [(3, 3)]),
    "nuclear": (lambda a: L.matrix_norm(a, "nuc"), [(3, 2)]),
    "householder": (L.householder_product, [(4, 2), (2,)]),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_both_orders(name: str, dtype: Any) -> None:
    function, shapes = FUNCTIONS[name]
    inputs = [matrix(*shape, dtype=dtype).requires_grad_() for shape in shapes]
    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs, atol=1e-4)


def test_gradient_of_the_determinant_of_a_singular_matrix() -> None:
    a = torch.tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
    L.det(a).backward()
    torch.testing.assert_close(a.grad, torch.tensor([[4.0, -2.0], [-2.0, 1.0]]))


def test_large_matrices_keep_their_precision() -> None:
    a = matrix(120, 80, dtype=torch.float32)
    q, r = L.qr(a)
    assert (q @ r - a).abs().max() < 1e-5
    values = L.eigvalsh(a.T @ a)
    torch.testing.assert_close(values.flip(0).sqrt(), L.svdvals(a), rtol=1e-4, atol=1e-4)


def test_derivatives_that_do_not_exist_say_so() -> None:
    a = torch.eye(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="mode='r'"):
        L.qr(a, "r").R.sum().backward()
    with pytest.raises(RuntimeError, match="mode='complete' and nrows > ncols"):
        L.qr(a[:, :2], "complete").Q.sum().backward()


def test_meta_tensors_have_shapes_only() -> None:
    a = torch.empty(5, 4, 3, device="meta")
    assert L.svd(a).U.shape == (5, 4, 4) and L.qr(a).R.shape == (5, 3, 3)


@pytest.mark.parametrize("rank", [0, 1, 5, 19])
def test_eigenvalues_of_matrices_of_low_rank(rank: int) -> None:
    torch.manual_seed(rank)
    factor = torch.randn(80, rank, dtype=torch.float64)
    matrix = factor @ factor.mT
    values, vectors = L.eigh(matrix)
    assert torch.allclose((vectors * values) @ vectors.mT, matrix, atol=1e-11)
    assert int((values > 1e-9).sum()) == rank
