"""What distributions with a probability of success share: it is given directly or as log odds."""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._size import Size

from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Success"]


class Success:
    """Keeps the one of `probs` and `logits` that was given; the other one is computed on use."""

    def _keep(self, probs: Any, logits: Any, **beside: Any) -> None:
        """Keeps the parameter, and what stands `beside` it in its shape and dtype.

        Raises:
            ValueError: both `probs` and `logits` are given, or neither.
        """
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        name, given = ("logits", logits) if probs is None else ("probs", probs)
        *others, value = broadcast_all(*beside.values(), given)
        setattr(self, name, value)
        for key, other in zip(beside, others, strict=True):
            setattr(self, key, other.type_as(value))

    @lazy_property
    def logits(self) -> _C.Tensor:
        """The log odds of success."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> _C.Tensor:
        """The probability of success."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def _param(self) -> _C.Tensor:
        return self.probs if "probs" in vars(self) else self.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._param.size()

    def _whole_numbers(self, end: int, batch_shape: Size, expand: bool) -> _C.Tensor:
        """0 to `end - 1` along a new first dim, for each of the batch if `expand`."""
        values = _C.arange(end, dtype=self._param.dtype, device=self._param.device)
        values = values.view((-1, *(1 for _ in batch_shape)))
        return values.expand((-1, *batch_shape)) if expand else values
