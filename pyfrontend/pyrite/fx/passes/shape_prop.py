"""Notes on each node what its value is like: shape, dtype, layout.

Layer L6, an interpreter: it runs the graph on example inputs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pyrite
from pyrite._C import Tensor
from pyrite.fx.interpreter import Interpreter
from pyrite.fx.node import Node, map_aggregate

__all__ = ["ShapeProp", "TensorMetadata"]


class TensorMetadata(NamedTuple):
    """What a tensor is like, besides its values."""

    shape: Any
    dtype: pyrite.dtype
    requires_grad: bool
    stride: tuple[int, ...]
    memory_format: pyrite.memory_format | None
    is_quantized: bool
    qparams: dict[str, Any]


_FORMATS = (pyrite.contiguous_format, pyrite.channels_last, pyrite.channels_last_3d)


def _metadata(tensor: Tensor) -> TensorMetadata:
    ranks = {pyrite.channels_last: 4, pyrite.channels_last_3d: 5}
    fitting = (
        known
        for known in _FORMATS
        if ranks.get(known, tensor.dim()) == tensor.dim()
        and tensor.is_contiguous(memory_format=known)
    )
    return TensorMetadata(
        tensor.shape,
        tensor.dtype,
        tensor.requires_grad,
        tensor.stride(),
        next(fitting, None),
        False,
        {},
    )


class ShapeProp(Interpreter):
    """Runs a graph and notes `tensor_meta` and `type` in the `meta` of each node.

    Args:
        gm: the module.
    """

    def run_node(self, n: Node) -> Any:
        """Run a node and note what its value is like."""
        result = super().run_node(n)
        found = False

        def metadata(value: Any) -> Any:
            nonlocal found
            if not isinstance(value, Tensor):
                return value
            found = True
            return _metadata(value)

        meta = map_aggregate(result, metadata)
        if found:
            n.meta["tensor_meta"] = meta
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args: Any) -> Any:
        """Run the graph with these inputs; returns what it returns."""
        return super().run(*args)
