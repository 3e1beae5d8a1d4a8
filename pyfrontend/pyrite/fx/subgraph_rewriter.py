"""Replaces what matches a pattern by something else, all over a graph.

Layer L6, over the matcher. Pattern and replacement are functions or modules, which are traced, or
graphs; the replacement's inputs take the values of the pattern's in order.

Source: https://docs.pytorch.org/docs/2.13/fx.html#torch.fx.replace_pattern
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pyrite.fx.graph import Graph
from pyrite.fx.graph_module import GraphModule, _assign
from pyrite.fx.matcher import InternalMatch, SubgraphMatcher
from pyrite.fx.node import Node, map_arg
from pyrite.fx.tracer import symbolic_trace
from pyrite.nn import Module

__all__ = ["Match", "ReplacedPatterns", "replace_pattern", "replace_pattern_with_filters"]

Pattern = Callable[..., Any] | Graph | GraphModule
Filter = Callable[[InternalMatch, Graph, Graph], bool]


class Match(NamedTuple):
    """An occurrence that was replaced: its last node, and the nodes by those of the pattern."""

    anchor: Node
    nodes_map: dict[Node, Node]


@dataclass
class ReplacedPatterns:
    """An occurrence that was replaced, with the nodes that took its place."""

    anchor: Node
    nodes_map: dict[Node, Node]
    replacements: list[Node] = field(default_factory=list)


def replace_pattern(gm: GraphModule, pattern: Pattern, replacement: Pattern) -> list[Match]:
    """Replace all occurrences of a pattern that do not overlap.

    Args:
        gm: the module whose graph is changed; its code is made anew.
        pattern: what to look for.
        replacement: what to put in its place, with as many inputs and outputs.

    Returns:
        The occurrences.
    """
    replaced = _replace(gm, pattern, replacement, [], ignore_literals=False)
    return [Match(one.anchor, one.nodes_map) for one in replaced]


def replace_pattern_with_filters(
    gm: GraphModule,
    pattern: Pattern,
    replacement: Pattern | None = None,
    match_filters: list[Filter] | None = None,
    ignore_literals: bool = False,
) -> list[ReplacedPatterns]:
    """Replace the occurrences of a pattern for which all filters say so.

    Args:
        gm: the module whose graph is changed; its code is made anew.
        pattern: what to look for.
        replacement: what to put in its place.
        match_filters: functions of the match, the graph and the pattern's graph.
        ignore_literals: let numbers and the like in the pattern match any others.

    Raises:
        ValueError: there is no replacement.
    """
    if replacement is None:
        raise ValueError("Expecting to have either replacement or replacement_callback")
    return _replace(gm, pattern, replacement, match_filters or [], ignore_literals)


def _as_graph(pattern: Pattern | Module) -> Graph:
    if isinstance(pattern, Graph):
        return pattern
    return pattern.graph if isinstance(pattern, GraphModule) else symbolic_trace(pattern).graph


def _replace(
    gm: GraphModule,
    pattern: Pattern,
    replacement: Pattern,
    filters: list[Filter],
    ignore_literals: bool,
) -> list[ReplacedPatterns]:
    wanted, new = _as_graph(pattern), _as_graph(replacement)
    found = SubgraphMatcher(wanted, ignore_literals).match(gm.graph)
    found = [match for match in found if all(ok(match, gm.graph, wanted) for ok in filters)]
    inputs = [node for node in new.nodes if node.op == "placeholder"]
    changed: dict[Node, Node] = {}
    replaced = []
    for match in found:
        values = [changed.get(value, value) for value in match.placeholder_nodes]
        if len(inputs) != len(values):
            raise AssertionError(
                f"pattern and replacement take {len(values)} and {len(inputs)} inputs"
            )
        copies = dict(zip(inputs, values, strict=True))
        with gm.graph.inserting_before(_place(gm.graph, match)):
            result = gm.graph.graph_copy(new, copies)
        added = [copy for node, copy in copies.items() if node not in inputs]
        _substitute(gm.graph, match, result, changed)
        replaced.append(ReplacedPatterns(match.anchors[0], match.nodes_map, added))
    _bring_modules(gm, new)
    gm.recompile()
    return replaced


def _place(graph: Graph, match: InternalMatch) -> Node | None:
    """Before the first use of what the match returns; without one, after the last of these."""
    users = {user for node in match.returning_nodes for user in node.users}
    if users:
        return next(node for node in graph.nodes if node in users)
    return next(node for node in reversed(graph.nodes) if node in match.returning_nodes).next


def _substitute(graph: Graph, match: InternalMatch, result: Any, changed: dict[Node, Node]) -> None:
    """Use the replacement's values, and erase the nodes of the match."""
    values: list[Node] = []
    map_arg(result, values.append)
    if len(match.returning_nodes) != len(values):
        raise AssertionError(
            f"pattern and replacement return {len(match.returning_nodes)} and {len(values)} values"
        )
    for old, new in zip(match.returning_nodes, values, strict=True):
        old.replace_all_uses_with(new)
        changed[old] = new
    inside = {n for p, n in match.nodes_map.items() if p.op not in ("placeholder", "output")}
    for node in reversed(graph.nodes):
        if node in inside:
            graph.erase_node(node)


def _bring_modules(gm: GraphModule, new: Graph) -> None:
    """Give the module what the replacement names, and take away what nothing names any more."""
    source = new.owning_module
    gm.delete_all_unused_submodules()
    for node in new.nodes:
        if source is None or node.op not in ("call_module", "get_attr"):
            continue
        value: Any = source
        here: Any = gm
        for part in str(node.target).split("."):
            value = getattr(value, part, None)
            here = getattr(here, part, None)
        if here is None and value is not None:
            _assign(value, gm, str(node.target))
