"""The distribution of mapped draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pyrite import _C
from pyrite._size import Size

from . import constraints
from ._transform import ComposeTransform, Transform
from .distribution import Distribution
from .independent import Independent
from .utils import _sum_rightmost

__all__ = ["TransformedDistribution"]


class TransformedDistribution(Distribution):
    """Draws of `base_distribution`, sent through one or several `transforms`."""

    arg_constraints: dict[str, constraints.Constraint] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        if isinstance(transforms, Transform):
            self.transforms = [transforms]
        elif isinstance(transforms, list) and all(isinstance(t, Transform) for t in transforms):
            self.transforms = transforms
        else:
            raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
        shape = base_distribution.batch_shape + base_distribution.event_shape
        base_event_dim = len(base_distribution.event_shape)
        whole = ComposeTransform(self.transforms)
        if len(shape) < whole.domain.event_dim:
            raise ValueError(
                "base_distribution needs to have shape with size at least "
                f"{whole.domain.event_dim}, but got {shape}."
            )
        forward = whole.forward_shape(shape)
        expanded = whole.inverse_shape(forward)
        if shape != expanded:
            kept = len(expanded) - base_event_dim
            base_distribution = base_distribution.expand(Size(expanded[:kept]))
        missing = whole.domain.event_dim - base_event_dim
        if missing > 0:
            base_distribution = Independent(base_distribution, missing)
        self.base_dist = base_distribution
        self.has_rsample = base_distribution.has_rsample
        change = whole.codomain.event_dim - whole.domain.event_dim
        event_dim = max(whole.codomain.event_dim, base_event_dim + change)
        cut = len(forward) - event_dim
        super().__init__(forward[:cut], forward[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its base expanded."""
        new: Self = self._expand_parameters(TransformedDistribution, batch_shape, _instance)
        new.transforms = self.transforms
        whole = ComposeTransform(self.transforms)
        shape = whole.inverse_shape(Size((*batch_shape, *self._event_shape)))
        kept = len(shape) - len(self.base_dist.event_shape)
        new.base_dist = self.base_dist.expand(Size(shape[:kept]))
        new.has_rsample = new.base_dist.has_rsample
        return new

    @property
    def support(self) -> constraints.Constraint:
        """Where the last map ends."""
        if not self.transforms:
            base: constraints.Constraint = self.base_dist.support
            return base
        support: constraints.Constraint = self.transforms[-1].codomain
        missing = len(self._event_shape) - support.event_dim
        return constraints.independent(support, missing) if missing > 0 else support

    def sample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws of the base, mapped."""
        from pyrite.autograd import no_grad

        with no_grad():
            return self._mapped(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> _C.Tensor:
        """Draws of the base with gradients, mapped."""
        return self._mapped(self.base_dist.rsample(sample_shape))

    def _mapped(self, x: _C.Tensor) -> _C.Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: _C.Tensor) -> _C.Tensor:
        """The base's at the inverse, less the volume change."""
        if self._validate_args:
            self._validate_sample(value)
        event_dim = len(self._event_shape)
        total = _C.zeros(())
        y = value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            event_dim += transform.domain.event_dim - transform.codomain.event_dim
            change = transform.log_abs_det_jacobian(x, y)
            total = total - _sum_rightmost(change, event_dim - transform.domain.event_dim)
            y = x
        missing = event_dim - len(self.base_dist.event_shape)
        return total + _sum_rightmost(self.base_dist.log_prob(y), missing)

    def _monotone(self, value: _C.Tensor) -> _C.Tensor:
        """A probability, turned over where the maps fall."""
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        if isinstance(sign, int) and sign == 1:
            return value
        turned: _C.Tensor = sign * (value - 0.5) + 0.5
        return turned

    def cdf(self, value: _C.Tensor) -> _C.Tensor:
        """The base's at the inverse."""
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        return self._monotone(self.base_dist.cdf(value))

    def icdf(self, value: _C.Tensor) -> _C.Tensor:
        """The mapped value of the base's."""
        return self._mapped(self.base_dist.icdf(self._monotone(value)))
