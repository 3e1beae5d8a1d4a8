"""Invertible maps between sets of values, with the logarithm of their volume change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pyrite import _C
from pyrite._size import Size

from . import constraints
from ._joined_transforms import CatTransform, StackTransform
from ._matrix_transforms import (
    CorrCholeskyTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
)
from ._transform import (
    ComposeTransform,
    IndependentTransform,
    ReshapeTransform,
    Transform,
    identity_transform,
)
from ._transform import (
    _InverseTransform as _InverseTransform,  # zuko renames it
)
from .distribution import Distribution

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "CatTransform",
    "ComposeTransform",
    "CorrCholeskyTransform",
    "CumulativeDistributionTransform",
    "ExpTransform",
    "IndependentTransform",
    "LowerCholeskyTransform",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StackTransform",
    "StickBreakingTransform",
    "TanhTransform",
    "Transform",
    "identity_transform",
]


class ExpTransform(Transform):
    """`exp(x)`."""

    domain = constraints.real
    codomain = constraints.positive
    bijective = True
    sign = 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExpTransform)

    __hash__ = Transform.__hash__

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        return x.exp()

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: _C.Tensor, y: _C.Tensor) -> _C.Tensor:
        """`log |dy / dx|` at x and y."""
        return x


class PowerTransform(Transform):
    """`x ** exponent` of positive numbers."""

    domain = constraints.positive
    codomain = constraints.positive
    bijective = True

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.exponent = _C.as_tensor(exponent)

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache."""
        return self if self._cache_size == cache_size else PowerTransform(self.exponent, cache_size)

    @property
    def sign(self) -> Any:
        """1 where it rises, -1 where it falls."""
        return self.exponent.sign()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and bool(self.exponent.eq(other.exponent).all())

    __hash__ = Transform.__hash__

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: _C.Tensor, y: _C.Tensor) -> _C.Tensor:
        """`log |dy / dx|` at x and y."""
        return (self.exponent * y / x).abs().log()


class SigmoidTransform(Transform):
    """`1 / (1 + exp(-x))`."""

    domain = constraints.real
    codomain = constraints.unit_interval
    bijective = True
    sign = 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SigmoidTransform)

    __hash__ = Transform.__hash__

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        from pyrite import finfo

        info = finfo(x.dtype)
        return x.sigmoid().clamp(min=info.tiny, max=1.0 - info.eps)

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        from pyrite import finfo

        info = finfo(y.dtype)
        y = y.clamp(min=info.tiny, max=1.0 - info.eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: _C.Tensor, y: _C.Tensor) -> _C.Tensor:
        """`log |dy / dx|` at x and y."""
        from pyrite.nn.functional import softplus

        return -softplus(-x) - softplus(x)


class SoftplusTransform(Transform):
    """`log(1 + exp(x))`; x itself above 20."""

    domain = constraints.real
    codomain = constraints.positive
    bijective = True
    sign = 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoftplusTransform)

    __hash__ = Transform.__hash__

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        from pyrite.nn.functional import softplus

        return softplus(x)

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x: _C.Tensor, y: _C.Tensor) -> _C.Tensor:
        """`log |dy / dx|` at x and y."""
        from pyrite.nn.functional import softplus

        return -softplus(-x)


class TanhTransform(Transform):
    """`tanh(x)`."""

    domain = constraints.real
    codomain = constraints.interval(-1.0, 1.0)
    bijective = True
    sign = 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TanhTransform)

    __hash__ = Transform.__hash__

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        return x.tanh()

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: _C.Tensor, y: _C.Tensor) -> _C.Tensor:
        """`log |dy / dx|` at x and y."""
        from pyrite.nn.functional import softplus

        # log(1 - tanh^2), without cancellation.
        return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))


class AbsTransform(Transform):
    """`|x|`; the inverse takes the positive number."""

    domain = constraints.real
    codomain = constraints.positive

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AbsTransform)

    __hash__ = Transform.__hash__

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        return x.abs()

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        return y


class AffineTransform(Transform):
    """`loc + scale * x`."""

    bijective = True

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.loc: Any = loc
        self.scale: Any = scale
        self._event_dim = event_dim

    @property
    def event_dim(self) -> int:
        """Trailing dims of one value."""
        return self._event_dim

    @property
    def domain(self) -> Any:
        """Where it starts."""
        real = constraints.real
        return constraints.independent(real, self._event_dim) if self._event_dim else real

    codomain = domain

    @property
    def sign(self) -> Any:
        """1 where it rises, -1 where it falls."""
        if isinstance(self.scale, _C.Tensor):
            return self.scale.sign()
        return (self.scale > 0) - (self.scale < 0)

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache."""
        if self._cache_size == cache_size:
            return self
        return AffineTransform(self.loc, self.scale, self._event_dim, cache_size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AffineTransform):
            return False
        pairs = ((self.loc, other.loc), (self.scale, other.scale))
        return all(bool(_C.as_tensor(a).eq(_C.as_tensor(b)).all()) for a, b in pairs)

    __hash__ = Transform.__hash__

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        y: _C.Tensor = self.loc + self.scale * x
        return y

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        x: _C.Tensor = (y - self.loc) / self.scale
        return x

    def log_abs_det_jacobian(self, x: _C.Tensor, y: _C.Tensor) -> _C.Tensor:
        """`log |dy / dx|` at x and y."""
        shape = x.shape
        if isinstance(self.scale, _C.Tensor):
            change = self.scale.abs().log()
        else:
            change = _C.full_like(x, math.log(abs(self.scale)))
        if self._event_dim:
            change = change.expand(shape).flatten(-self._event_dim).sum(-1)
            shape = shape[: -self._event_dim]
        return change.expand(shape)


class SoftmaxTransform(Transform):
    """Softmax of the last dim; the inverse is the logarithm."""

    domain = constraints.real_vector
    codomain = constraints.simplex

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoftmaxTransform)

    __hash__ = Transform.__hash__

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        weights = (x - x.max(-1, True)[0]).exp()
        return weights / weights.sum(-1, True)

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        return y.log()


class StickBreakingTransform(Transform):
    """Vectors of n numbers to the simplex of n + 1 parts, each a share of what is left."""

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StickBreakingTransform)

    __hash__ = Transform.__hash__

    def _offset(self, x: _C.Tensor) -> _C.Tensor:
        return x.shape[-1] + 1 - x.new_ones(x.shape[-1]).cumsum(-1)

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        from pyrite import finfo
        from pyrite.nn.functional import pad

        info = finfo(x.dtype)
        shares = (x - self._offset(x).log()).sigmoid().clamp(min=info.tiny, max=1.0 - info.eps)
        return pad(shares, [0, 1], value=1) * pad((1 - shares).cumprod(-1), [1, 0], value=1)

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        from pyrite import finfo

        head = y[..., :-1]
        left = (1 - head.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return head.log() - left.log() + self._offset(head).log()

    def log_abs_det_jacobian(self, x: _C.Tensor, y: _C.Tensor) -> _C.Tensor:
        """`log |dy / dx|` at x and y."""
        from pyrite.nn.functional import logsigmoid

        x = x - self._offset(x).log()
        return (-x + logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        """The shape of results."""
        return Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        """The shape of values."""
        return Size((*shape[:-1], shape[-1] - 1))


class CumulativeDistributionTransform(Transform):
    """The distribution function of a distribution."""

    bijective = True
    codomain = constraints.unit_interval
    sign = 1

    def __init__(self, distribution: Distribution, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Any:
        """Where it starts."""
        return self.distribution.support

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache."""
        if self._cache_size == cache_size:
            return self
        return CumulativeDistributionTransform(self.distribution, cache_size)

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: _C.Tensor, y: _C.Tensor) -> _C.Tensor:
        """`log |dy / dx|` at x and y."""
        return self.distribution.log_prob(x)
