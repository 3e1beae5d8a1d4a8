"""The class of shapes: a tuple of ints that prints as `pyrite.Size([2, 3])`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, SupportsIndex, overload

from pyrite import _C

__all__ = ["Size"]


class Size(tuple[int, ...]):
    """The sizes of a tensor, outermost first."""

    __slots__ = ()

    def __new__(cls, sizes: Iterable[Any] = ()) -> Size:
        """Make a size of ints (or of integer tensors)."""
        items = tuple(sizes)
        for i, item in enumerate(items):
            if isinstance(item, float) or not hasattr(item, "__index__"):
                raise TypeError(
                    f"torch.Size() takes an iterable of 'int' (item {i} is '{type(item).__name__}')"
                )
        return tuple.__new__(cls, (item.__index__() for item in items))

    def numel(self) -> int:
        """The number of elements of a tensor of this size."""
        count = 1
        for n in self:
            count *= n
        return count

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Size: ...
    def __getitem__(self, index: SupportsIndex | slice) -> int | Size:
        """One size, or part of them as a `Size`."""
        if isinstance(index, slice):
            return Size(tuple.__getitem__(self, index))
        return tuple.__getitem__(self, index)

    def __add__(self, other: tuple[int, ...]) -> Size:  # type: ignore[override]
        """The sizes of both, one after the other."""
        if not isinstance(other, tuple):
            kind = type(other).__name__
            raise TypeError(f'can only concatenate tuple (not "{kind}") to torch.Size')
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: tuple[int, ...]) -> Size:
        """The sizes of both, one after the other."""
        return Size(tuple.__add__(tuple(other), self))

    def __mul__(self, count: SupportsIndex) -> Size:
        """The sizes repeated."""
        return Size(tuple.__mul__(self, count))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        """Show it as PyTorch does."""
        return f"{_C._display_name()}.Size([{', '.join(map(str, self))}])"

    __str__ = __repr__

    def __reduce__(self) -> tuple[type[Size], tuple[tuple[int, ...]]]:
        """Pickle it by its class."""
        return (Size, (tuple(self),))


_C._set_size_class(Size)
