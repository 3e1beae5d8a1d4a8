"""Ready-made passes over graphs."""

from __future__ import annotations

from pyrite.fx.passes import graph_drawer as graph_drawer
from pyrite.fx.passes import shape_prop as shape_prop

__all__ = ["graph_drawer", "shape_prop"]
