"""Symbolic tracing: programs as graphs that can be looked at, changed, and run again.

Source: https://docs.pytorch.org/docs/2.13/fx.html
"""

from __future__ import annotations

from pyrite.fx import (
    _symbolic_trace as _symbolic_trace,
)
from pyrite.fx import (
    immutable_collections as immutable_collections,
)
from pyrite.fx import (
    passes as passes,
)
from pyrite.fx import (
    subgraph_rewriter as subgraph_rewriter,
)
from pyrite.fx.graph import CodeGen, Graph
from pyrite.fx.graph_module import GraphModule
from pyrite.fx.interpreter import Interpreter, Transformer
from pyrite.fx.node import Node, has_side_effect, map_arg
from pyrite.fx.patching import wrap
from pyrite.fx.proxy import Proxy
from pyrite.fx.subgraph_rewriter import replace_pattern
from pyrite.fx.tracer import PH, ProxyableClassMeta, Tracer, symbolic_trace

__all__ = [
    "PH",
    "CodeGen",
    "Graph",
    "GraphModule",
    "Interpreter",
    "Node",
    "Proxy",
    "ProxyableClassMeta",
    "Tracer",
    "Transformer",
    "has_side_effect",
    "map_arg",
    "replace_pattern",
    "symbolic_trace",
    "wrap",
]
