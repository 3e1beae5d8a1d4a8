"""Running combinations by a function that is associative.

Layer L6: after step k each place holds the combination of the 2^k places up to it, so the function
is called log2(n) times. Source: Hillis and Steele, Data Parallel Algorithms, 1986.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyrite
from pyrite.utils._pytree import tree_flatten, tree_leaves

__all__ = ["associative_scan"]


def associative_scan(
    combine_fn: Callable[[Any, Any], Any],
    xs: Any,
    dim: int,
    reverse: bool = False,
    combine_mode: str = "pointwise",
) -> Any:
    """For each place along `dim` the combination of all places up to it.

    Args:
        combine_fn: associative; takes and gives what `xs` is, several places at once.
        xs: a tensor, or tensors of one shape in containers.
        dim: the dimension.
        reverse: combine from the end.
        combine_mode: inert: whether the function works elementwise, for compilers.

    Raises:
        ValueError: there are no tensors.
    """
    leaves, spec = tree_flatten(xs)
    if not leaves:
        raise ValueError("Expected at least one xs leaf")
    if reverse:
        leaves = [leaf.flip(dim) for leaf in leaves]
    length, step = leaves[0].shape[dim], 1
    while step < length:
        earlier = spec.unflatten([leaf.narrow(dim, 0, length - step) for leaf in leaves])
        later = spec.unflatten([leaf.narrow(dim, step, length - step) for leaf in leaves])
        combined = tree_leaves(combine_fn(earlier, later))
        leaves = [
            pyrite.cat([leaf.narrow(dim, 0, step), rest], dim)
            for leaf, rest in zip(leaves, combined, strict=True)
        ]
        step *= 2
    if reverse:
        leaves = [leaf.flip(dim) for leaf in leaves]
    return spec.unflatten(leaves)
