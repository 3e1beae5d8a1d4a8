"""Sets that parameters and samples have to lie in.

A constraint's `check` gives a bool tensor over the batch; `event_dim` trailing dims form one value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pyrite import _C

__all__ = [
    "Constraint",
    "boolean",
    "cat",
    "corr_cholesky",
    "dependent",
    "dependent_property",
    "greater_than",
    "greater_than_eq",
    "half_open_interval",
    "independent",
    "integer_interval",
    "interval",
    "is_dependent",
    "less_than",
    "lower_cholesky",
    "lower_triangular",
    "multinomial",
    "nonnegative",
    "nonnegative_integer",
    "one_hot",
    "positive",
    "positive_definite",
    "positive_integer",
    "positive_semidefinite",
    "real",
    "real_vector",
    "simplex",
    "square",
    "stack",
    "symmetric",
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


class Dependent(Constraint):
    """A set that depends on other parameters: nothing can be checked without them."""

    def __init__(self, *, is_discrete: bool = False, event_dim: int = 0) -> None:
        self.is_discrete = is_discrete
        self.event_dim = event_dim

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Not possible.

        Raises:
            ValueError: always.
        """
        raise ValueError("Cannot determine validity of dependent constraint")


class dependent_property(property, Dependent):
    """A property whose value is a constraint; asked of the class, a dependent constraint."""

    def __init__(
        self,
        fn: Callable[[Any], Constraint] | None = None,
        *,
        is_discrete: bool = False,
        event_dim: int = 0,
    ) -> None:
        super().__init__(fn)
        self.is_discrete = is_discrete
        self.event_dim = event_dim

    def __call__(self, fn: Callable[[Any], Constraint]) -> dependent_property:
        """The decorator with arguments."""
        return type(self)(fn, is_discrete=self.is_discrete, event_dim=self.event_dim)


def is_dependent(constraint: Any) -> bool:
    """Whether a constraint cannot be checked by itself."""
    return isinstance(constraint, Dependent)


class OneHot(Constraint):
    """Vectors of one 1 and zeros."""

    is_discrete = True
    event_dim = 1

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """All 0 or 1, with a sum of 1."""
        return ((value == 0) | (value == 1)).all(-1) & value.sum(-1).eq(1)


class HalfOpenInterval(Interval):
    """The numbers between two bounds, the lower one included."""

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Between the bounds, below the upper one."""
        return (value >= self.lower_bound) & (value < self.upper_bound)


class IntegerGreaterThan(GreaterThanEq):
    """The whole numbers from a bound on."""

    is_discrete = True

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Not below the bound, without a fraction."""
        return (value % 1 == 0) & super().check(value)


class Multinomial(Constraint):
    """Vectors of counts with a sum up to a bound."""

    is_discrete = True
    event_dim = 1

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """None negative, the sum not above the bound."""
        bounded: _C.Tensor = value.sum(-1) <= self.upper_bound
        return (value >= 0).all(-1) & bounded


class LowerTriangular(Constraint):
    """Square matrices without entries above the diagonal."""

    event_dim = 2

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Equal to their lower triangle."""
        return (value.tril() == value).flatten(-2).all(-1)


class LowerCholesky(LowerTriangular):
    """Lower triangles with a positive diagonal."""

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Lower triangular, and the diagonal above 0."""
        return super().check(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class CorrCholesky(LowerCholesky):
    """Lower triangles with a positive diagonal and rows of length 1."""

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """A Cholesky factor whose rows have length 1."""
        from pyrite import finfo

        tolerance = finfo(value.dtype).eps * value.size(-1) * 10
        length = value.pow(2).sum(-1).sqrt()
        return super().check(value) & ((length - 1).abs() < tolerance).all(-1)


class Square(Constraint):
    """Square matrices."""

    event_dim = 2

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """As many rows as columns."""
        square = value.shape[-2] == value.shape[-1]
        return _C.full(value.shape[:-2], square, dtype=_C.bool, device=value.device)


class Symmetric(Square):
    """Square matrices that equal their transpose."""

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Equal to the transpose within 1e-6."""
        from pyrite import isclose

        fits = super().check(value)
        if not fits.all():
            return fits
        return isclose(value, value.mT, atol=1e-6).all(-2).all(-1)


class PositiveSemidefinite(Symmetric):
    """Symmetric matrices without negative eigenvalues."""

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Symmetric, and no eigenvalue negative."""
        fits = super().check(value)
        return _C.linalg_eigvalsh(value).ge(0).all(-1) if fits.all() else fits


class PositiveDefinite(Symmetric):
    """Symmetric matrices with positive eigenvalues."""

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Symmetric, and a Cholesky factor exists."""
        fits = super().check(value)
        return _C.linalg_cholesky_ex(value)[1].eq(0) if fits.all() else fits


class Cat(Constraint):
    """Constraints on consecutive pieces of a dim."""

    def __init__(
        self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None
    ) -> None:
        self.cseq = list(cseq)
        self.dim = dim
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        self.is_discrete = any(c.is_discrete for c in self.cseq)
        self.event_dim = max(c.event_dim for c in self.cseq)

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Each piece satisfies its constraint."""
        pieces = value.split(self.lengths, self.dim)
        checks = [c.check(v) for c, v in zip(self.cseq, pieces, strict=True)]
        return _C.cat(checks, self.dim)


class Stack(Constraint):
    """Constraints on the slices of a dim."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0) -> None:
        self.cseq = list(cseq)
        self.dim = dim
        self.is_discrete = any(c.is_discrete for c in self.cseq)
        dims = [c.event_dim for c in self.cseq]
        self.event_dim = max(dims) + (1 if self.dim + max(dims) < 0 else 0)

    def check(self, value: _C.Tensor) -> _C.Tensor:
        """Each slice satisfies its constraint."""
        slices = value.unbind(self.dim)
        checks = [c.check(v) for c, v in zip(self.cseq, slices, strict=True)]
        return _C.stack(checks, self.dim)


dependent = Dependent()
independent = IndependentConstraint
boolean = Boolean()
greater_than = GreaterThan
greater_than_eq = GreaterThanEq
integer_interval = IntegerInterval
interval = Interval
half_open_interval = HalfOpenInterval
less_than = LessThan
nonnegative = GreaterThanEq(0.0)
positive = GreaterThan(0.0)
real = Real()
real_vector = IndependentConstraint(real, 1)
simplex = Simplex()
unit_interval = Interval(0.0, 1.0)
nonnegative_integer = IntegerGreaterThan(0)
positive_integer = IntegerGreaterThan(1)
one_hot = OneHot()
multinomial = Multinomial
lower_triangular = LowerTriangular()
lower_cholesky = LowerCholesky()
corr_cholesky = CorrCholesky()
square = Square()
symmetric = Symmetric()
positive_semidefinite = PositiveSemidefinite()
positive_definite = PositiveDefinite()
cat = Cat
stack = Stack
