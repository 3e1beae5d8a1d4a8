"""Looking into the graph: nodes, and hooks on the values it saves."""

from __future__ import annotations

from pyrite._C import Node

__all__ = ["Node"]
