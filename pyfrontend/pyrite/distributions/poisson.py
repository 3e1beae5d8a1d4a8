"""The Poisson distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from . import constraints
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Poisson"]


class Poisson(ExponentialFamily):
    """How many independent events happen where `rate` are expected."""

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.size(), validate_args=validate_args)

    @property
    def mean(self) -> _C.Tensor:
        """`rate`."""
        return self.rate

    @property
    def mode(self) -> _C.Tensor:
        """`rate` rounded down."""
        return self.rate.floor()

    @property
    def variance(self) -> _C.Tensor:
        """`rate`."""
        return self.rate

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameter expanded to `batch_shape`."""
        new: Self = self._expand_parameters(Poisson, batch_shape, _instance, rate=())
        return new

    def sample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws: `sample_shape + batch_shape`, in the parameter's dtype."""
        from pyrite.autograd import no_grad

        with no_grad():
            return _C.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the probability of each count in `value`."""
        if self._validate_args:
            self._validate_sample(value)
        rate, value = broadcast_all(self.rate, value)
        return value.xlogy(rate) - rate - (value + 1).lgamma()
