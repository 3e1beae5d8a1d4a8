"""Flattening of arguments to a structure recorded earlier: what traced code with trees calls."""

from __future__ import annotations

from typing import Any

from pyrite.utils._pytree import TreeSpec

__all__ = ["tree_flatten_spec"]


def tree_flatten_spec(pytree: Any, spec: TreeSpec) -> list[Any]:
    """The parts of `pytree` that stand where `spec` has leaves."""
    return spec.flatten_up_to(pytree)
