"""Several maps side by side: on consecutive pieces, or on the slices, of one dim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyrite import _C

from . import constraints
from ._transform import Transform
from .utils import _sum_rightmost

__all__ = ["CatTransform", "StackTransform"]


class _Joined(Transform):
    """What both have in common: the parts, the dim, and how many elements of it they take."""

    def __init__(self, tseq: Sequence[Transform], dim: int, cache_size: int) -> None:
        super().__init__(cache_size=cache_size)
        assert all(isinstance(part, Transform) for part in tseq), (
            "All elements of tseq must be Transform instances"
        )
        self.transforms = [part.with_cache(cache_size) for part in tseq] if cache_size else [*tseq]
        self.dim = dim

    def _expect(self, value: _C.Tensor, length: int, words: str) -> None:
        assert -value.dim() <= self.dim < value.dim(), (
            f"dim {self.dim} out of range for tensor with {value.dim()} dimensions"
        )
        size = value.size(self.dim)
        assert size == length, f"x.size({self.dim}) = {size} must equal {words} {length}"

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether every part is."""
        return all(part.bijective for part in self.transforms)


class CatTransform(_Joined):
    """Maps on consecutive pieces of `lengths` along `dim`, as `cat` joins them."""

    def __init__(
        self,
        tseq: Sequence[Transform],
        dim: int = 0,
        lengths: Sequence[int] | None = None,
        cache_size: int = 0,
    ) -> None:
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        assert len(self.lengths) == len(self.transforms), (
            f"lengths ({len(self.lengths)}) must match transforms ({len(self.transforms)})"
        )

    @property
    def event_dim(self) -> int:
        """Trailing dims of one value: the most that a part has."""
        return max(part.event_dim for part in self.transforms)

    @property
    def length(self) -> int:
        """The size of `dim`."""
        return sum(self.lengths)

    @property
    def domain(self) -> Any:
        """Where it starts."""
        return constraints.cat([part.domain for part in self.transforms], self.dim, self.lengths)

    @property
    def codomain(self) -> Any:
        """Where it ends."""
        return constraints.cat([part.codomain for part in self.transforms], self.dim, self.lengths)

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache."""
        if self._cache_size == cache_size:
            return self
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _pieces(self, value: _C.Tensor) -> Sequence[_C.Tensor]:
        self._expect(value, self.length, "length")
        return value.split(self.lengths, self.dim)

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        pairs = zip(self.transforms, self._pieces(x), strict=True)
        return _C.cat([part(piece) for part, piece in pairs], self.dim)

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        pairs = zip(self.transforms, self._pieces(y), strict=True)
        return _C.cat([part.inv(piece) for part, piece in pairs], self.dim)

    def log_abs_det_jacobian(self, x: _C.Tensor, y: _C.Tensor) -> _C.Tensor:
        """`log |dy / dx|` at x and y, joined along `dim` or, within one value, summed."""
        changes = [
            _sum_rightmost(
                part.log_abs_det_jacobian(before, after), self.event_dim - part.event_dim
            )
            for part, before, after in zip(
                self.transforms, self._pieces(x), self._pieces(y), strict=True
            )
        ]
        dim = (self.dim - x.dim() if self.dim >= 0 else self.dim) + self.event_dim
        if dim < 0:
            return _C.cat(changes, dim)
        total = changes[0]
        for change in changes[1:]:
            total = total + change
        return total


class StackTransform(_Joined):
    """One map for each slice along `dim`, as `stack` joins them."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(tseq, dim, cache_size)

    @property
    def domain(self) -> Any:
        """Where it starts."""
        return constraints.stack([part.domain for part in self.transforms], self.dim)

    @property
    def codomain(self) -> Any:
        """Where it ends."""
        return constraints.stack([part.codomain for part in self.transforms], self.dim)

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache."""
        if self._cache_size == cache_size:
            return self
        return StackTransform(self.transforms, self.dim, cache_size)

    def _slices(self, value: _C.Tensor) -> Sequence[_C.Tensor]:
        self._expect(value, len(self.transforms), "len(transforms)")
        return value.unbind(self.dim)

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        pairs = zip(self.transforms, self._slices(x), strict=True)
        return _C.stack([part(piece) for part, piece in pairs], self.dim)

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        pairs = zip(self.transforms, self._slices(y), strict=True)
        return _C.stack([part.inv(piece) for part, piece in pairs], self.dim)

    def log_abs_det_jacobian(self, x: _C.Tensor, y: _C.Tensor) -> _C.Tensor:
        """`log |dy / dx|` at x and y, slice by slice."""
        triples = zip(self.transforms, self._slices(x), self._slices(y), strict=True)
        return _C.stack([part.log_abs_det_jacobian(a, b) for part, a, b in triples], self.dim)
