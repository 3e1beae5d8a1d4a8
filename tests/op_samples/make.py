"""What samples are made of: tensors of small numbers that are the same under every package.

A sample is a call: positional and named arguments. Tensors made by `t(2, 3)` are differentiable
inputs, those made by the other methods are not.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Call:
    """The arguments of one call."""

    args: tuple[Any, ...]
    named: dict[str, Any] = field(default_factory=dict)


def call(*args: Any, **named: Any) -> Call:
    """A sample."""
    return Call(args, named)


class Make:
    """Makes tensors of `package`; floating ones are of dtype `dtype`."""

    def __init__(self, package: Any, dtype: str = "float64") -> None:
        """Starts from seed 0, so that every use of a sample sees the same numbers."""
        self.package = package
        self.dtype = dtype
        self.random = random.Random(0)

    def __call__(self, *shape: int, low: float = -2.0, high: float = 2.0) -> Any:
        """A differentiable input."""
        x = self.fixed(*shape, low=low, high=high)
        return x.requires_grad_() if x.is_floating_point() or x.is_complex() else x

    def fixed(self, *shape: int, low: float = -2.0, high: float = 2.0) -> Any:
        """Numbers that no gradient is wanted for."""
        dtype = getattr(self.package, self.dtype)
        numbers = [self._number(low, high) for _ in range(math.prod(shape))]
        return self.package.tensor(numbers, dtype=dtype).reshape(shape)

    def positive(self, *shape: int) -> Any:
        """A differentiable input of numbers from 0.5 to 2."""
        return self(*shape, low=0.5, high=2.0)

    def integers(self, *shape: int, low: int = 0, high: int) -> Any:
        """Numbers from `low` up to but without `high`, as int64."""
        numbers = [self.random.randrange(low, high) for _ in range(math.prod(shape))]
        return self.package.tensor(numbers, dtype=self.package.int64).reshape(shape)

    def booleans(self, *shape: int) -> Any:
        """Truth values."""
        return self.integers(*shape, high=2) > 0

    def of(self, values: Any, dtype: str = "int64") -> Any:
        """These values."""
        return self.package.tensor(values, dtype=getattr(self.package, dtype))

    def _number(self, low: float, high: float) -> Any:
        number = round(self.random.uniform(low, high), 3)
        if self.dtype.startswith("complex"):
            return complex(number, round(self.random.uniform(low, high), 3))
        return number if self.dtype.startswith(("float", "bfloat")) else int(number)


Samples = dict[str, Callable[[Make], list[Call]]]
