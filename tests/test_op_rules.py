"""Single rules of ops, as PyTorch 2.13.0 has them: values, nodes of the graph, strides, errors."""

from __future__ import annotations

import pytest

from recorded import cases, check

VALUES, NODES = cases("op_values"), cases("op_nodes")
LAYOUTS, ERRORS = cases("op_layouts"), cases("op_errors")


@pytest.mark.parametrize("expression", VALUES)
@pytest.mark.filterwarnings("ignore")
def test_values_are_pytorchs(expression: str) -> None:
    check(expression, VALUES[expression])


@pytest.mark.parametrize("expression", NODES)
def test_nodes_are_pytorchs(expression: str) -> None:
    check(expression, NODES[expression])


@pytest.mark.parametrize("expression", LAYOUTS)
@pytest.mark.filterwarnings("ignore")
def test_strides_are_pytorchs(expression: str) -> None:
    check(expression, LAYOUTS[expression])


@pytest.mark.parametrize("expression", ERRORS)
@pytest.mark.filterwarnings("ignore")
def test_errors_are_pytorchs(expression: str) -> None:
    check(expression, ERRORS[expression])
