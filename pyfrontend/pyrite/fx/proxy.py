"""Values that record what is done with them: a door."""

from __future__ import annotations

from pyrite._doors import door_class
from pyrite.fx import Proxy

__all__ = ["GraphAppendingTracer", "Proxy"]

GraphAppendingTracer = door_class("fx.proxy.GraphAppendingTracer", "symbolic tracer")
