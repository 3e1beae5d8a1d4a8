"""Arithmetic on indices of sparse tensors: to and from running numbers, rows compressed and back.

Layer L6 over `_C`. Shapes: coordinates `(sparse_dim, nnz)`, running numbers `(nnz)`, compressed
rows `(rows + 1)`; all int64. Nothing here has a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyrite import _C
from pyrite._C import Tensor

__all__ = ["compress", "flatten", "is_sorted_unique", "unflatten"]


def flatten(indices: Tensor, sizes: Sequence[int]) -> Tensor:
    """Coordinates as running numbers, the last dim fastest: `(dims, nnz) -> (nnz)`.

    Raises:
        RuntimeError: int64 cannot number that many places.
    """
    if math.prod(max(size, 1) for size in sizes) > 2**63 - 1:
        raise RuntimeError(f"flattening the sparse sizes {list(sizes)} overflows int64")
    if not sizes:
        return _C.zeros(indices.size(1), dtype=_C.int64, device=indices.device)
    numbers = indices[0]
    for dim in range(1, len(sizes)):
        numbers = numbers * sizes[dim] + indices[dim]
    return numbers


def unflatten(numbers: Tensor, sizes: Sequence[int]) -> Tensor:
    """Running numbers as coordinates: `(nnz) -> (dims, nnz)`."""
    if not sizes:
        return _C.empty((0, numbers.size(0)), dtype=_C.int64, device=numbers.device)
    rows = []
    for size in reversed(sizes[1:]):
        rows.append(numbers % max(size, 1))
        numbers = _C.div(numbers, max(size, 1), rounding_mode="floor")
    return _C.stack([numbers, *reversed(rows)])


def is_sorted_unique(numbers: Tensor) -> bool:
    """Whether running numbers rise strictly, as those of a coalesced tensor do."""
    return bool((numbers[1:] > numbers[:-1]).all().item())


def compress(rows: Tensor, count: int) -> Tensor:
    """Sorted row numbers as the start of each row: `(nnz) -> (count + 1)`."""
    lengths = _C.zeros(count + 1, dtype=_C.int64, device=rows.device)
    if rows.numel():
        ones = _C.ones(rows.size(0), dtype=_C.int64, device=rows.device)
        lengths = lengths.index_add(0, rows + 1, ones)
    return lengths.cumsum(0)
