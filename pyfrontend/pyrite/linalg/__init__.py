"""`pyrite.linalg`: linear algebra under the names PyTorch gives it here."""

from __future__ import annotations

from pyrite._C import _LinAlgError as LinAlgError
from pyrite._C import linalg_cholesky as cholesky
from pyrite._C import linalg_cholesky_ex as cholesky_ex
from pyrite._C import linalg_cond as cond
from pyrite._C import linalg_cross as cross
from pyrite._C import linalg_det as det
from pyrite._C import linalg_diagonal as diagonal
from pyrite._C import linalg_eig as eig
from pyrite._C import linalg_eigh as eigh
from pyrite._C import linalg_eigvals as eigvals
from pyrite._C import linalg_eigvalsh as eigvalsh
from pyrite._C import linalg_householder_product as householder_product
from pyrite._C import linalg_inv as inv
from pyrite._C import linalg_inv_ex as inv_ex
from pyrite._C import linalg_ldl_factor as ldl_factor
from pyrite._C import linalg_ldl_factor_ex as ldl_factor_ex
from pyrite._C import linalg_ldl_solve as ldl_solve
from pyrite._C import linalg_lstsq as lstsq
from pyrite._C import linalg_lu as lu
from pyrite._C import linalg_lu_factor as lu_factor
from pyrite._C import linalg_lu_factor_ex as lu_factor_ex
from pyrite._C import linalg_lu_solve as lu_solve
from pyrite._C import linalg_matrix_exp as matrix_exp
from pyrite._C import linalg_matrix_norm as matrix_norm
from pyrite._C import linalg_matrix_power as matrix_power
from pyrite._C import linalg_matrix_rank as matrix_rank
from pyrite._C import linalg_multi_dot as multi_dot
from pyrite._C import linalg_norm as norm
from pyrite._C import linalg_pinv as pinv
from pyrite._C import linalg_qr as qr
from pyrite._C import linalg_slogdet as slogdet
from pyrite._C import linalg_solve as solve
from pyrite._C import linalg_solve_ex as solve_ex
from pyrite._C import linalg_solve_triangular as solve_triangular
from pyrite._C import linalg_svd as svd
from pyrite._C import linalg_svdvals as svdvals
from pyrite._C import linalg_tensorinv as tensorinv
from pyrite._C import linalg_tensorsolve as tensorsolve
from pyrite._C import linalg_vander as vander
from pyrite._C import linalg_vecdot as vecdot
from pyrite._C import linalg_vector_norm as vector_norm
from pyrite._C import matmul

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]
