"""Nodes of a traced graph: a door."""

from __future__ import annotations

from pyrite.fx import Node, map_arg

__all__ = ["Node", "map_arg"]
