"""`pyrite.special`: special functions under the names PyTorch gives them here."""

from __future__ import annotations

from pyrite._C import (
    digamma,
    erf,
    erfc,
    erfinv,
    exp2,
    expm1,
    log1p,
    log_softmax,
    logsumexp,
    polygamma,
    round,
    sinc,
    softmax,
    xlogy,
)
from pyrite._C import digamma as psi
from pyrite._C import lgamma as gammaln
from pyrite._C import sigmoid as expit

__all__ = [
    "digamma",
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammaln",
    "log1p",
    "log_softmax",
    "logsumexp",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlogy",
]
