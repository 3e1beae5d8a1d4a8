"""Distances and similarities between vectors as functions (L6: names over `_C`).

`pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False)`: `(N, D), (N, D) -> (N)`.
`cosine_similarity(x1, x2, dim=1, eps=1e-8)`: `dim` is reduced.
`pdist(input, p=2)`: `(N, D) -> (N * (N - 1) / 2)`, the upper triangle of the distance matrix.
"""

from __future__ import annotations

from pyrite._C import cosine_similarity, pairwise_distance, pdist

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]
