"""Matrices of few diagonals.

Layer L6 over `_C`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite._layouts import sparse_coo

from .coo import make

__all__ = ["spdiags"]


def spdiags(diagonals: Tensor, offsets: Tensor, shape: Sequence[int], layout: Any = None) -> Tensor:
    """A sparse matrix with rows of `diagonals` along its diagonals.

    Column `j` of a row stands in column `j` of the matrix, so that a diagonal above the main one
    leaves its first elements out and one below its last.

    Args:
        diagonals: `(count, length)`, or `(length)` for one diagonal.
        offsets: which diagonals, distinct, `(count)`: 0 is the main one, positive ones lie above.
        shape: of the matrix.
        layout: `sparse_coo` by default, `sparse_csr` or `sparse_csc`.

    Raises:
        RuntimeError: arguments do not fit together.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.sparse.spdiags.html
    """
    rows = diagonals if diagonals.dim() == 2 else diagonals.unsqueeze(0)
    which = offsets.reshape(-1)
    if rows.size(0) != which.size(0):
        raise RuntimeError(
            f"Number of diagonals ({rows.size(0)}) does not match the number of offsets "
            f"({which.size(0)})"
        )
    if which.unique().size(0) != which.size(0):
        raise RuntimeError("Offset tensor contains duplicate values")
    if len(shape) != 2:
        raise RuntimeError(f"Output shape must be 2d, but got {len(shape)}d")
    count, width = shape
    columns = _C.arange(rows.size(1), device=rows.device).expand(rows.shape)
    at = columns - which.to(rows.device).unsqueeze(1)
    inside = ((at >= 0) & (at < count) & (columns < width)).nonzero()
    d, j = inside[:, 0], inside[:, 1]
    places = _C.stack([at[d, j], j])
    made = make(places, rows[d, j], (count, width), False)
    return made if layout is None or layout is sparse_coo else made.to_sparse(layout=layout)
