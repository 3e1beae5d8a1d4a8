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
    """What both have in common: the parts, the dim, and that each part maps its piece of it."""

    def __init__(self, tseq: Sequence[Transform], dim: int, cache_size: int) -> None:
        super().__init__(cache_size=cache_size)
        assert all(isinstance(part, Transform) for part in tseq), (
            "All elements of tseq must be Transform instances"
        )
        self.transforms = [part.with_cache(cache_size) for part in tseq] if cache_size else [*tseq]
        self.dim = dim
        self.bijective = all(part.bijective for part in self.transforms)

    @property
    def domain(self) -> Any:
        """Where it starts."""
        return self._joint([part.domain for part in self.transforms])

    @property
    def codomain(self) -> Any:
        """Where it ends."""
        return self._joint([part.codomain for part in self.transforms])

    def _expect(self, value: _C.Tensor, length: int, words: str) -> None:
        assert -value.dim() <= self.dim < value.dim(), (
            f"dim {self.dim} out of range for tensor with {value.dim()} dimensions"
        )
        size = value.size(self.dim)
        assert size == length, f"x.size({self.dim}) = {size} must equal {words} {length}"

    def _joint(self, parts: Sequence[Any]) -> Any:
        """The set of values whose pieces lie in these sets."""
        raise NotImplementedError

    def _pieces(self, value: _C.Tensor) -> Sequence[_C.Tensor]:
        """What each part gets."""
        raise NotImplementedError

    def _whole(self, pieces: Sequence[_C.Tensor]) -> _C.Tensor:
        """The value of these pieces."""
        raise NotImplementedError

    def _call(self, x: _C.Tensor) -> _C.Tensor:
        pairs = zip(self.transforms, self._pieces(x), strict=True)
        return self._whole([part(piece) for part, piece in pairs])

    def _inverse(self, y: _C.Tensor) -> _C.Tensor:
        pairs = zip(self.transforms, self._pieces(y), strict=True)
        return self._whole([part.inv(piece) for part, piece in pairs])

    def _changes(self, x: _C.Tensor, y: _C.Tensor) -> list[tuple[Transform, _C.Tensor]]:
        """Each part with its `log |dy / dx|`."""
        triples = zip(self.transforms, self._pieces(x), self._pieces(y), strict=True)
        return [(part, part.log_abs_det_jacobian(a, b)) for part, a, b in triples]


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

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache."""
        if self._cache_size == cache_size:
            return self
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _joint(self, parts: Sequence[Any]) -> Any:
        return constraints.cat(parts, self.dim, self.lengths)

    def _pieces(self, value: _C.Tensor) -> Sequence[_C.Tensor]:
        self._expect(value, self.length, "length")
        return value.split(self.lengths, self.dim)

    def _whole(self, pieces: Sequence[_C.Tensor]) -> _C.Tensor:
        return _C.cat(pieces, self.dim)

    def log_abs_det_jacobian(self, x: _C.Tensor, y: _C.Tensor) -> _C.Tensor:
        """`log |dy / dx|` at x and y, joined along `dim` or, within one value, summed."""
        changes = [
            _sum_rightmost(change, self.event_dim - part.event_dim)
            for part, change in self._changes(x, y)
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

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache."""
        if self._cache_size == cache_size:
            return self
        return StackTransform(self.transforms, self.dim, cache_size)

    def _joint(self, parts: Sequence[Any]) -> Any:
        return constraints.stack(parts, self.dim)

    def _pieces(self, value: _C.Tensor) -> Sequence[_C.Tensor]:
        self._expect(value, len(self.transforms), "len(transforms)")
        return value.unbind(self.dim)

    def _whole(self, pieces: Sequence[_C.Tensor]) -> _C.Tensor:
        return _C.stack(pieces, self.dim)

    def log_abs_det_jacobian(self, x: _C.Tensor, y: _C.Tensor) -> _C.Tensor:
        """`log |dy / dx|` at x and y, slice by slice."""
        return self._whole([change for _, change in self._changes(x, y)])
