"""Pictures of graphs: a door."""

from __future__ import annotations

from pyrite._doors import door_class

__all__ = ["FxGraphDrawer"]

FxGraphDrawer = door_class("fx.passes.graph_drawer.FxGraphDrawer", "drawing of graphs")
