"""The von Mises distribution: normal-like angles on the circle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C
from pyrite._size import Size

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, lazy_property

__all__ = ["VonMises"]

# Polynomials in the concentration, smaller powers first: below and above 3.75.
# Source: Abramowitz and Stegun 1964, Handbook of mathematical functions, 9.8.1 to 9.8.4.
_SMALL = (
    (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.360768e-1, 0.45813e-2),
    (0.5, 0.87890594, 0.51498869, 0.15084934, 0.2658733e-1, 0.301532e-2, 0.32411e-3),
)
_LARGE = (
    (
        *(0.39894228, 0.1328592e-1, 0.225319e-2, -0.157565e-2, 0.916281e-2),
        *(-0.2057706e-1, 0.2635537e-1, -0.1647633e-1, 0.392377e-2),
    ),
    (
        *(0.39894228, -0.3988024e-1, -0.362018e-2, 0.163801e-2, -0.1031555e-1),
        *(0.2282967e-1, -0.2895312e-1, 0.1787654e-1, -0.420059e-2),
    ),
)
_BORDER = 3.75


def _polynomial(y: _C.Tensor, coefficients: Sequence[float]) -> _C.Tensor:
    result = y.new_full((), coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = coefficient + y * result
    return result


def _log_bessel(x: _C.Tensor, order: int) -> _C.Tensor:
    """The logarithm of the modified Bessel function of order 0 or 1, for positive `x`."""
    y = (x / _BORDER).pow(2)
    small = _polynomial(y, _SMALL[order])
    small = (x.abs() * small if order == 1 else small).log()
    large = x - 0.5 * x.log() + _polynomial(_BORDER / x, _LARGE[order]).log()
    return _C.where(x < _BORDER, small, large)


class VonMises(Distribution):
    """Angles around `loc`, in radians, the closer the larger `concentration`."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, Size(()), validate_args)

    @property
    def mean(self) -> _C.Tensor:
        """The circular mean: `loc`."""
        return self.loc

    @property
    def mode(self) -> _C.Tensor:
        """`loc`."""
        return self.loc

    @lazy_property
    def variance(self) -> _C.Tensor:
        """The circular variance, 1 less the mean length of the resultant."""
        orders = (_log_bessel(self.concentration, order) for order in (1, 0))
        first, zeroth = orders
        return 1 - (first - zeroth).exp()

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density."""
        if self._validate_args:
            self._validate_sample(value)
        toward = self.concentration * _C.cos(value - self.loc)
        return toward - math.log(2 * math.pi) - _log_bessel(self.concentration, 0)

    @lazy_property
    def _proposal_r(self) -> _C.Tensor:
        # In double precision: the difference of close numbers.
        kappa = self.concentration.double()
        tau = 1 + (1 + 4 * kappa**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
        # The limit for small concentrations, where the formula loses all digits.
        return _C.where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws by rejection from a wrapped Cauchy.

        Source: Best and Fisher 1979, Efficient simulation of the von Mises distribution.
        """
        from pyrite.autograd import no_grad

        shape = self._extended_shape(sample_shape)
        with no_grad():
            r = self._proposal_r.expand(shape)
            kappa = self.concentration.double().expand(shape)
            angle = _C.empty(shape, dtype=_C.float64, device=self.loc.device)
            done = _C.zeros(shape, dtype=_C.bool, device=self.loc.device)
            while not done.all():
                u1, u2, u3 = _C.rand((3, *shape), dtype=_C.float64, device=self.loc.device).unbind()
                z = _C.cos(math.pi * u1)
                f = (1 + r * z) / (r + z)
                c = kappa * (r - f)
                accepted = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
                if accepted.any():
                    angle = _C.where(accepted, (u3 - 0.5).sign() * f.acos(), angle)
                    done = done | accepted
            drawn = (angle + math.pi + self.loc.double()) % (2 * math.pi) - math.pi
            return drawn.to(self.loc.dtype)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        new: Self = self._expand_parameters(
            VonMises, batch_shape, _instance, loc=(), concentration=()
        )
        return new
