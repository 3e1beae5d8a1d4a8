"""The half-cauchy distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C

from ._folded import Folded
from .cauchy import Cauchy

__all__ = ["HalfCauchy"]


class HalfCauchy(Folded):
    """The absolute value of a centred `Cauchy` of the given `scale`."""

    base_dist: Cauchy

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameter expanded to `batch_shape`."""
        return super().expand(batch_shape, self._get_checked_instance(HalfCauchy, _instance))

    @property
    def mean(self) -> _C.Tensor:
        """Infinite."""
        return _C.full(
            self._extended_shape(), math.inf, dtype=self.scale.dtype, device=self.scale.device
        )

    @property
    def variance(self) -> _C.Tensor:
        """Infinite."""
        return self.base_dist.variance

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The logarithm of the density, in the scale's dtype."""
        if self._validate_args:
            self._validate_sample(value)
        return self._log_density(
            _C.as_tensor(value, dtype=self.scale.dtype, device=self.scale.device)
        )
