"""The (key, value) pairs that the dictionary containers take in `update`.

Layer: Python front end, no dependencies. Invariant: error texts are PyTorch's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["checked_pairs"]


def checked_pairs(owner: str, pairs: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the elements of `pairs` as tuples of two.

    Raises:
        TypeError: an element is not iterable.
        ValueError: an element has not two entries.
    """
    for i, pair in enumerate(pairs):
        element = f"{owner} update sequence element #{i}"
        if not isinstance(pair, Iterable):
            raise TypeError(f"{element} should be Iterable; is{type(pair).__name__}")
        values = tuple(pair)
        if len(values) != 2:
            raise ValueError(f"{element} has length {len(values)}; 2 is required")
        yield values
