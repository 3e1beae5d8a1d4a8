"""`pyrite.special`: special functions under the names PyTorch gives them here."""

from __future__ import annotations

from pyrite._C import (
    digamma,
    erf,
    erfc,
    erfinv,
    exp2,
    expm1,
    i0,
    log1p,
    log_softmax,
    logit,
    logsumexp,
    polygamma,
    round,
    sinc,
    softmax,
    xlogy,
)
from pyrite._C import digamma as psi
from pyrite._C import igamma as gammainc
from pyrite._C import igammac as gammaincc
from pyrite._C import lgamma as gammaln
from pyrite._C import mvlgamma as multigammaln
from pyrite._C import sigmoid as expit
from pyrite._C import special_airy_ai as airy_ai
from pyrite._C import special_bessel_j0 as bessel_j0
from pyrite._C import special_bessel_j1 as bessel_j1
from pyrite._C import special_bessel_y0 as bessel_y0
from pyrite._C import special_bessel_y1 as bessel_y1
from pyrite._C import special_chebyshev_polynomial_t as chebyshev_polynomial_t
from pyrite._C import special_chebyshev_polynomial_u as chebyshev_polynomial_u
from pyrite._C import special_chebyshev_polynomial_v as chebyshev_polynomial_v
from pyrite._C import special_chebyshev_polynomial_w as chebyshev_polynomial_w
from pyrite._C import special_entr as entr
from pyrite._C import special_erfcx as erfcx
from pyrite._C import special_hermite_polynomial_h as hermite_polynomial_h
from pyrite._C import special_hermite_polynomial_he as hermite_polynomial_he
from pyrite._C import special_i0e as i0e
from pyrite._C import special_i1 as i1
from pyrite._C import special_i1e as i1e
from pyrite._C import special_laguerre_polynomial_l as laguerre_polynomial_l
from pyrite._C import special_legendre_polynomial_p as legendre_polynomial_p
from pyrite._C import special_log_ndtr as log_ndtr
from pyrite._C import special_modified_bessel_i0 as modified_bessel_i0
from pyrite._C import special_modified_bessel_i1 as modified_bessel_i1
from pyrite._C import special_modified_bessel_k0 as modified_bessel_k0
from pyrite._C import special_modified_bessel_k1 as modified_bessel_k1
from pyrite._C import special_ndtr as ndtr
from pyrite._C import special_ndtri as ndtri
from pyrite._C import special_scaled_modified_bessel_k0 as scaled_modified_bessel_k0
from pyrite._C import special_scaled_modified_bessel_k1 as scaled_modified_bessel_k1
from pyrite._C import special_shifted_chebyshev_polynomial_t as shifted_chebyshev_polynomial_t
from pyrite._C import special_shifted_chebyshev_polynomial_u as shifted_chebyshev_polynomial_u
from pyrite._C import special_shifted_chebyshev_polynomial_v as shifted_chebyshev_polynomial_v
from pyrite._C import special_shifted_chebyshev_polynomial_w as shifted_chebyshev_polynomial_w
from pyrite._C import special_spherical_bessel_j0 as spherical_bessel_j0
from pyrite._C import special_xlog1py as xlog1py
from pyrite._C import special_zeta as zeta

__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
    "sinc",
    "softmax",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]
