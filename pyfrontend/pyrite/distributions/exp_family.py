"""`ExponentialFamily`: densities `exp(<t(x), theta> - F(theta) + k(x))` of natural parameters."""

from __future__ import annotations

from typing import Any

from pyrite import _C

from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Base of such distributions; a subclass gives theta, F and the mean of k.

    The package's own have closed entropies and leave them out.
    """

    @property
    def _natural_params(self) -> tuple[_C.Tensor, ...]:
        """The theta of the density."""
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: _C.Tensor) -> _C.Tensor:
        """The F of the density, at these parameters."""
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> Any:
        """The mean of k."""
        raise NotImplementedError

    def entropy(self) -> _C.Tensor:
        """The entropy in nats, by the Bregman divergence of F."""
        from pyrite.autograd import grad

        parameters = [theta.detach().requires_grad_() for theta in self._natural_params]
        normalizer = self._log_normalizer(*parameters)
        slopes = grad(normalizer.sum(), parameters, create_graph=True)
        result: _C.Tensor = normalizer - self._mean_carrier_measure
        for theta, slope in zip(parameters, slopes, strict=True):
            result = result - (theta * slope).reshape((*self._batch_shape, -1)).sum(-1)
        return result
