"""`Distribution`: shapes, validation and the methods every distribution has.

A sample has shape `sample_shape + batch_shape + event_shape`: independent draws, one distribution
per element of the parameters, one value of several dims.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C
from pyrite._size import Size

from .constraints import is_dependent
from .utils import lazy_property

__all__ = ["Distribution"]

_SCALAR = Size(())


class Distribution:
    """Base of all distributions.

    Args:
        batch_shape: the shape of the parameters.
        event_shape: the shape of one draw.
        validate_args: whether parameters and values are checked; None takes the class's setting.

    Raises:
        ValueError: a parameter violates its constraint.
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__

    # A class attribute where they are constant, a property where they depend on parameters.
    arg_constraints: Any
    support: Any

    def __init__(
        self,
        batch_shape: Sequence[int] = _SCALAR,
        event_shape: Sequence[int] = _SCALAR,
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check their arguments unless told otherwise."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    def _check_parameters(self) -> None:
        constraints = getattr(self, "arg_constraints", None)
        if constraints is None:
            warnings.warn(
                f"{type(self)} does not define `arg_constraints`. Please set `arg_constraints = "
                "{}` or initialize the distribution with `validate_args=False` to turn off "
                "validation.",
                stacklevel=3,
            )
            return
        for name, constraint in constraints.items():
            if is_dependent(constraint):
                continue
            given = name in vars(self)
            if not given and isinstance(getattr(type(self), name, None), lazy_property):
                continue
            value = getattr(self, name)
            if not constraint.check(value).all():
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape "
                    f"{tuple(value.shape)}) of distribution {self!r} to satisfy the constraint "
                    f"{constraint!r}, but found invalid values:\n{value}"
                )

    @property
    def batch_shape(self) -> Size:
        """The shape of the parameters."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one draw."""
        return self._event_shape

    @property
    def mean(self) -> _C.Tensor:
        """The mean: `batch_shape + event_shape`."""
        raise NotImplementedError

    @property
    def mode(self) -> _C.Tensor:
        """The most likely value: `batch_shape + event_shape`."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> _C.Tensor:
        """The variance: `batch_shape + event_shape`."""
        raise NotImplementedError

    @property
    def stddev(self) -> _C.Tensor:
        """The standard deviation: `batch_shape + event_shape`."""
        return self.variance.sqrt()

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to `batch_shape`."""
        raise NotImplementedError

    def sample(self, sample_shape: Sequence[int] = _SCALAR) -> _C.Tensor:
        """Draws without gradient: `sample_shape + batch_shape + event_shape`."""
        from pyrite.autograd import no_grad

        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = _SCALAR) -> _C.Tensor:
        """Draws with gradients to the parameters, where the distribution has them."""
        raise NotImplementedError

    def sample_n(self, n: int) -> _C.Tensor:
        """`sample((n,))`, the older spelling."""
        warnings.warn(
            "sample_n(n) will be deprecated. Use .sample((n,)) instead.",
            UserWarning,
            stacklevel=2,
        )
        return self.sample(Size((n,)))

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density or probability of `value`."""
        raise NotImplementedError

    def cdf(self, value: _C.Tensor) -> _C.Tensor:
        """The probability of values up to `value`."""
        raise NotImplementedError

    def icdf(self, value: _C.Tensor) -> _C.Tensor:
        """The inverse of `cdf`."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> _C.Tensor:
        """All values of a discrete distribution along a new first dim."""
        raise NotImplementedError

    def entropy(self) -> _C.Tensor:
        """The entropy in nats: `batch_shape`."""
        raise NotImplementedError

    def perplexity(self) -> _C.Tensor:
        """The exponential of the entropy: `batch_shape`."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape: Sequence[int] = _SCALAR) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _get_checked_instance(self, kind: type[Distribution], _instance: Any = None) -> Any:
        """An empty instance for `expand`; a subclass with its own `__init__` has to bring one."""
        if _instance is None and type(self).__init__ is not kind.__init__:
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {kind.__name__} that defines a custom __init__ "
                "method must also define a custom .expand() method."
            )
        return type(self).__new__(type(self)) if _instance is None else _instance

    def _expand_parameters(
        self,
        kind: type[Distribution],
        batch_shape: Sequence[int],
        _instance: Any,
        **event_shapes: Sequence[int],
    ) -> Any:
        """`expand` of a class whose parameters, one a keyword, end in the given event shapes."""
        new = self._get_checked_instance(kind, _instance)
        batch_shape = Size(batch_shape)
        for name, event_shape in event_shapes.items():
            if name in vars(self):
                setattr(new, name, vars(self)[name].expand((*batch_shape, *event_shape)))
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _validate_sample(self, value: _C.Tensor) -> None:
        """Checks a value's type, shape and support.

        Raises:
            ValueError: one of them is wrong.
        """
        if not isinstance(value, _C.Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        start = value.dim() - len(self._event_shape)
        if value.shape[start:] != self._event_shape:
            raise ValueError(
                "The right-most size of value must match event_shape: "
                f"{value.shape} vs {self._event_shape}."
            )
        expected = self._extended_shape()
        pairs = zip(reversed(value.shape), reversed(expected), strict=False)
        if any(1 not in (left, right) and left != right for left, right in pairs):
            raise ValueError(
                "Value is not broadcastable with batch_shape+event_shape: "
                f"{value.shape} vs {expected}."
            )
        if not self.support.check(value).all():
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) "
                f"to be within the support ({self.support!r}) of the distribution {self!r}, "
                f"but found invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        names = [name for name in self.arg_constraints if name in vars(self)]
        parts = []
        for name in names:
            value = getattr(self, name)
            parts.append(f"{name}: {value if value.numel() == 1 else value.size()}")
        return f"{type(self).__name__}({', '.join(parts)})"
