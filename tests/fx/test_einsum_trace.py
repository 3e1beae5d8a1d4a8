"""Einsum is recorded with its operands spread out, as in PyTorch."""

from __future__ import annotations

import pyrite as torch
from pyrite.fx import symbolic_trace


def test_operands_are_arguments() -> None:
    traced = symbolic_trace(lambda a, b: torch.einsum("ij,jk->ik", [a, b]))
    (node,) = (node for node in traced.graph.nodes if node.op == "call_function")
    assert [str(arg) for arg in node.args] == ["ij,jk->ik", "a", "b"]
    x = torch.ones(2, 2)
    assert torch.equal(traced(x, x), x @ x)
