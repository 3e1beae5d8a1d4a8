"""The edges of nodes: none for a number with its own overload, empty ones for absent inputs."""

import pytest

from recorded import cases, check

EDGES = cases("edges")


@pytest.mark.parametrize("expression", EDGES)
def test_edges_are_pytorchs(expression):
    check(expression, EDGES[expression])
