"""Sets that parameters and samples have to lie in.

A constraint's `check` gives a bool tensor over the batch; `event_dim` trailing dims form one value.
"""

from __future__ import annotations

from pyrite import _C

__all__ = [
    "Constraint",
    "boolean",
    "greater_than",
    "independent",
    "integer_interval",
    "interval",
    "less_than",
    "nonnegative",
    "positive",
    "real",
    "real_vector",
    "simplex",
    "unit_interval",
]

_SIMPLEX_TOLERANCE = 1e-6


class Constraint:
    """A set of values."""

    is_discrete = False
    event_dim = 0

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Whether each value lies in the set: `value`'s shape less its last `event_dim` dims."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Real(Constraint):
    """Every number except NaN."""

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Finite or infinite."""
        return value == value


class Boolean(Constraint):
    """0 and 1."""

    is_discrete = True

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Equal to one of the two."""
        return (value == 0) | (value == 1)


class GreaterThan(Constraint):
    """The numbers above a bound."""

    def __init__(self, lower_bound: _C.Tensor | float) -> None:
        self.lower_bound = lower_bound

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Above the bound."""
        return value > self.lower_bound

    def __repr__(self) -> str:
        return f"{type(self).__name__}(lower_bound={self.lower_bound})"


class GreaterThanEq(GreaterThan):
    """A bound and the numbers above it."""

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Not below the bound."""
        return value >= self.lower_bound


class LessThan(Constraint):
    """The numbers below a bound."""

    def __init__(self, upper_bound: _C.Tensor | float) -> None:
        self.upper_bound = upper_bound

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Below the bound."""
        return value < self.upper_bound

    def __repr__(self) -> str:
        return f"{type(self).__name__}(upper_bound={self.upper_bound})"


class Interval(Constraint):
    """The numbers between two bounds, both included."""

    def __init__(self, lower_bound: _C.Tensor | float, upper_bound: _C.Tensor | float) -> None:
        self.lower_bound = lower_bound
        self.upper_bound = upper_bound

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Between the bounds."""
        return (value >= self.lower_bound) & (value <= self.upper_bound)

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}(lower_bound={self.lower_bound}, upper_bound={self.upper_bound})"


class IntegerInterval(Interval):
    """The whole numbers between two bounds, both included."""

    is_discrete = True

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Between the bounds, without a fraction."""
        return (value % 1 == 0) & super().check(value)


class Simplex(Constraint):
    """Vectors of numbers that are not negative and sum to 1."""

    event_dim = 1

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """All parts not negative, the sum within 1e-6 of 1."""
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < _SIMPLEX_TOLERANCE)


class IndependentConstraint(Constraint):
    """A constraint on every element of the last `reinterpreted_batch_ndims` dims together."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = base_constraint.event_dim + reinterpreted_batch_ndims

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """All elements satisfy the base constraint.

        Raises:
            ValueError: `value` has fewer dims.
        """
        result = self.base_constraint.check(value)
        if result.dim() < self.reinterpreted_batch_ndims:
            expected = self.base_constraint.event_dim + self.reinterpreted_batch_ndims
            raise ValueError(f"Expected value.dim() >= {expected} but got {value.dim()}")
        kept = result.dim() - self.reinterpreted_batch_ndims
        return result.reshape((*result.shape[:kept], -1)).all(-1)

    def __repr__(self) -> str:
        inner = f"{self.base_constraint!r}, {self.reinterpreted_batch_ndims}"
        return f"{type(self).__name__}({inner})"


independent = IndependentConstraint
boolean = Boolean()
greater_than = GreaterThan
greater_than_eq = GreaterThanEq
integer_interval = IntegerInterval
interval = Interval
less_than = LessThan
nonnegative = GreaterThanEq(0.0)
positive = GreaterThan(0.0)
real = Real()
real_vector = IndependentConstraint(real, 1)
simplex = Simplex()
unit_interval = Interval(0.0, 1.0)
