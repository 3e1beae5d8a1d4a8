"""Linear algebra: factors, solutions, norms and functions of matrices, all well conditioned."""

from __future__ import annotations

from op_samples.make import Samples, call


def _input(x):
    x = x.detach()
    return x.requires_grad_() if x.is_floating_point() else x


def _eye(t, size):
    return t.package.eye(size, dtype=getattr(t.package, t.dtype))


def _square(t, *batch):
    return _input(t.fixed(*batch, 3, 3, low=-1, high=1) + 2 * _eye(t, 3))


def _definite(t, *batch):
    half = t.fixed(*batch, 3, 3, low=-1, high=1)
    return _input(half @ half.mT + _eye(t, 3))


def _lower(t):
    return _input(_square(t).tril())


def _upper(t):
    return _input(_square(t).triu())


def _factors(t):
    factors, pivots = t.package.linalg.lu_factor(_square(t).detach().flip(0))
    return _input(factors), pivots


def _squares(t):
    return [call(_square(t)), call(_square(t, 2))]


def _definites(t):
    return [call(_definite(t)), call(_definite(t, 2), upper=True)]


def _spectra(t):
    return [call(_definite(t)), call(_definite(t, 2), "U")]


def _reflectors(t):
    return [call(t(3, 2), t.positive(2)), call(t(2, 3, 3), t.positive(2, 2))]


def _solved(t):
    return [call(_square(t), t(3, 2)), call(_square(t, 2), t(2, 3)), call(_square(t), t(3))]


def _from_either_side(t):
    return [*_solved(t), call(_square(t), t(2, 3), left=False)]


def _with_lu(t):
    return [
        call(*_factors(t), t(3, 2)),
        call(*_factors(t), t(2, 3), left=False),
        call(*_factors(t), t(3, 2), adjoint=True),
    ]


def _norms(t):
    return [
        *(call(t(2, 3), order) for order in (1, -1, 2, -2, float("inf"), "fro", "nuc")),
        call(t(2, 3, 2), "fro", (0, 2), True),
        call(t(2, 3, 2), 1, (0, -1)),
    ]


def _powers(t):
    return [call(_square(t), n) for n in (0, 1, 3, -2)]


def _indefinite(t):
    return _definite(t).detach() - 1.5 * _eye(t, 3)


def _ldl(t):
    return [call(_indefinite(t)), call(_indefinite(t), hermitian=True)]


def _ldl_factors(t):
    return t.package.linalg.ldl_factor(_indefinite(t))


def _as_cube(t):
    return (t.fixed(6, 6, low=-1, high=1) + 3 * _eye(t, 6)).reshape(6, 2, 3)


SAMPLES: Samples = {
    "cholesky": lambda t: [call(_definite(t)), call(_definite(t), True)],
    "cholesky_inverse": lambda t: [call(_lower(t)), call(_upper(t), True)],
    "cholesky_solve": lambda t: [call(t(3, 2), _lower(t)), call(t(3, 2), _upper(t), True)],
    "det": _squares,
    "geqrf": lambda t: [call(t.fixed(3, 2)), call(t.fixed(2, 3))],
    "inverse": _squares,
    "linalg_cholesky": _definites,
    "linalg_cholesky_ex": _definites,
    "linalg_cond": lambda t: [call(_square(t)), *(call(_square(t), p) for p in (1, -2, "fro"))],
    "linalg_det": _squares,
    "linalg_diagonal": lambda t: [call(t(2, 3, 4)), call(t(2, 3, 4), offset=1, dim1=0, dim2=1)],
    "linalg_eig": _squares,
    "linalg_eigh": _spectra,
    "linalg_eigvals": _squares,
    "linalg_eigvalsh": _spectra,
    "linalg_householder_product": _reflectors,
    "linalg_inv": _squares,
    "linalg_inv_ex": _squares,
    "linalg_ldl_factor": _ldl,
    "linalg_ldl_factor_ex": _ldl,
    "linalg_ldl_solve": lambda t: [call(*_ldl_factors(t), t.fixed(3, 2))],
    "linalg_lstsq": lambda t: [call(t(4, 2), t(4, 2)), call(t(2, 4, 2), t(2, 4, 1))],
    "linalg_lu": _squares,
    "linalg_lu_factor": _squares,
    "linalg_lu_factor_ex": _squares,
    "linalg_lu_solve": _with_lu,
    "linalg_matrix_exp": _squares,
    "linalg_matrix_norm": _norms,
    "linalg_matrix_power": _powers,
    "linalg_matrix_rank": lambda t: [
        call(t.fixed(2, 3)),
        call(t.fixed(2, 3, 3), atol=0.5, rtol=0.0),
        call(t.of([[1.0, 1.0], [1.0, 1.0]], t.dtype), hermitian=True),
        call(t.fixed(2, 3), 1.5),
    ],
    "linalg_multi_dot": lambda t: [
        call([t(2, 3), t(3, 2)]),
        call([t(2, 3), t(3, 4), t(4, 1), t(1, 2)]),
        call([t(3), t(3, 2), t(2)]),
    ],
    "linalg_norm": lambda t: [
        call(t(2, 3)),
        call(t(2, 3), 3, 0),
        call(t(2, 3), "nuc"),
        call(t(2, 3, 2), 1, (0, 1), True),
    ],
    "linalg_pinv": lambda t: [
        call(t(3, 2)),
        call(t(2, 2, 3), rtol=1e-4),
        call(_definite(t), hermitian=True),
        call(t(2, 3), 1e-6),
    ],
    "linalg_qr": lambda t: [call(t(3, 2)), call(t(2, 2, 2), "complete"), call(t.fixed(3, 2), "r")],
    "linalg_slogdet": _squares,
    "linalg_solve": _from_either_side,
    "linalg_solve_ex": _from_either_side,
    "linalg_solve_triangular": lambda t: [
        call(_upper(t), t(3, 2), upper=True),
        call(_lower(t), t(2, 3), upper=False, left=False),
        call(_lower(t), t(3, 1), upper=False, unitriangular=True),
    ],
    "linalg_svd": lambda t: [call(t(3, 3)), call(t(3, 2), False), call(t(2, 2, 3), False)],
    "linalg_svdvals": lambda t: [call(t(3, 3)), call(t(2, 3, 2))],
    "linalg_tensorinv": lambda t: [call(_input(_as_cube(t)), 1)],
    "linalg_tensorsolve": lambda t: [
        call(_input(_as_cube(t)), t(6)),
        call(_input(_as_cube(t).movedim(0, 1)), t(6), [0, 2]),
    ],
    "linalg_vander": lambda t: [call(t(3)), call(t(2, 3), N=2)],
    "linalg_vecdot": lambda t: [call(t(2, 3), t(2, 3)), call(t(2, 3), t(2, 1), dim=0)],
    "logdet": lambda t: [call(_definite(t)), call(_definite(t, 2))],
    "lu_solve": lambda t: [call(t(3, 2), *_factors(t))],
    "lu_unpack": lambda t: [call(*_factors(t)), call(*_factors(t), unpack_pivots=False)],
    "matrix_exp": _squares,
    "matrix_power": _powers,
    "nuclear_norm": lambda t: [call(t(2, 3)), call(t(2, 3, 2), (0, 2), True)],
    "orgqr": _reflectors,
    "ormqr": lambda t: [
        call(t(3, 2), t.positive(2), t(3, 2)),
        call(t(3, 2), t.positive(2), t(2, 3), False, True),
    ],
    "pinverse": lambda t: [call(t(3, 2)), call(t(2, 3), 1e-6)],
    "qr": lambda t: [call(t(3, 2)), call(t(2, 2, 2), False)],
    "slogdet": _squares,
    "svd": lambda t: [call(t(3, 2)), call(t(3, 3), False)],
    "triangular_solve": lambda t: [
        call(t(3, 2), _upper(t)),
        call(t(3, 2), _lower(t), False, True),
        call(t(3, 1), _upper(t), True, False, True),
    ],
}


def _not_square(t):
    return [call(t(2, 3)), call(t(3))]


def _wrong_side(t):
    return [call(t(2, 3), t(2)), call(t(3, 3), t(2, 2)), call(t.fixed(3, 3) * 0, t(3, 1))]


def _not_definite(t):
    return [*_not_square(t), call(t.of([[1.0, 2.0], [2.0, 1.0]], "float64"))]


def _singular(t):
    return [*_not_square(t), call(t.fixed(3, 3) * 0)]


ERRORS: Samples = {
    "cholesky": _not_definite,
    "cholesky_inverse": _not_square,
    "cholesky_solve": lambda t: [call(t(3, 2), t(2, 2)), call(t(3), t(3, 3))],
    "det": _not_square,
    "inverse": _singular,
    "linalg_cholesky": _not_definite,
    "linalg_cond": lambda t: [call(t(3)), call(t(2, 3), 1), call(t(3, 3), "nope")],
    "linalg_det": _not_square,
    "linalg_eig": _not_square,
    "linalg_eigh": lambda t: [*_not_square(t), call(t(2, 2), "X")],
    "linalg_eigvals": _not_square,
    "linalg_eigvalsh": _not_square,
    "linalg_householder_product": lambda t: [call(t(2, 3), t(2)), call(t(3), t(1))],
    "linalg_inv": _singular,
    "linalg_ldl_factor": _not_square,
    "linalg_lstsq": lambda t: [call(t(3, 2), t(2, 2)), call(t(3), t(3))],
    "linalg_lu": lambda t: [call(t(3))],
    "linalg_lu_factor": lambda t: [call(t(3)), call(t.fixed(3, 3) * 0)],
    "linalg_matrix_exp": _not_square,
    "linalg_matrix_norm": lambda t: [call(t(3)), call(t(2, 3), 3), call(t(2, 3), "nope")],
    "linalg_matrix_power": lambda t: [call(t(2, 3), 2), call(t(3), 1), call(t.fixed(3, 3) * 0, -1)],
    "linalg_matrix_rank": lambda t: [call(t(3))],
    "linalg_multi_dot": lambda t: [call([t(2, 3)]), call([t(2, 3), t(2, 3)])],
    "linalg_norm": lambda t: [call(t(2, 3), "nope"), call(t(2, 2, 2), 2)],
    "linalg_pinv": lambda t: [call(t(2, 3), hermitian=True)],
    "linalg_qr": lambda t: [call(t(3)), call(t(2, 2), "nope")],
    "linalg_slogdet": _not_square,
    "linalg_solve": _wrong_side,
    "linalg_solve_triangular": lambda t: [
        call(t(2, 3), t(2, 2), upper=True),
        call(t(3, 3), t(2, 2), upper=True),
    ],
    "linalg_svd": lambda t: [call(t(3)), call(t(2, 2), driver="gesvd")],
    "linalg_svdvals": lambda t: [call(t(3))],
    "linalg_tensorinv": lambda t: [call(t(2, 3), 0), call(t(2, 3), 1)],
    "linalg_tensorsolve": lambda t: [call(t(2, 3), t(2))],
    "linalg_vander": lambda t: [call(t()), call(t(3), N=1)],
    "linalg_vecdot": lambda t: [call(t(2), t(3))],
    "logdet": _not_square,
    "lu_unpack": lambda t: [call(t(3, 3), t.of([1.0, 2.0, 3.0], "float64"))],
    "matrix_exp": _not_square,
    "matrix_power": lambda t: [call(t(2, 3), 2)],
    "nuclear_norm": lambda t: [call(t(3))],
    "orgqr": lambda t: [call(t(2, 3), t(2))],
    "ormqr": lambda t: [call(t(3, 2), t(2), t(2, 2))],
    "pinverse": lambda t: [call(t(3))],
    "qr": lambda t: [call(t(3))],
    "slogdet": _not_square,
    "svd": lambda t: [call(t(3))],
    "triangular_solve": lambda t: [call(t(3, 2), t(2, 2)), call(t(3), t(3, 3))],
}
