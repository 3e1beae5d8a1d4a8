"""Indexing with batched numbers within `vmap`."""

from __future__ import annotations

from contextlib import AbstractContextManager

__all__ = ["TransformGetItemToIndex"]


class TransformGetItemToIndex(AbstractContextManager[None]):
    """Has nothing to do: in `pyrite.func.vmap` an index is a number, and indexing takes it.

    In PyTorch indices are batched there, and indexing has to become an op that accepts them.
    """

    def __exit__(self, *exc_info: object) -> None:
        """Leave."""
