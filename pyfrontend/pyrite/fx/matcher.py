"""Finds where a pattern graph occurs in a graph.

Layer L6. A match maps the pattern's nodes to nodes of the graph: inputs of the pattern to anything,
other nodes to nodes of the same operation, target and arguments. Values inside a match must not be
used outside, unless the pattern returns them: they go away when the match is replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pyrite.fx.graph import Graph
from pyrite.fx.node import Node

__all__ = ["InternalMatch", "SubgraphMatcher"]


@dataclass
class InternalMatch:
    """One occurrence of a pattern.

    Attributes:
        anchors: the pattern's nodes from which the match was found.
        nodes_map: by node of the pattern, the node or value that matches it.
        placeholder_nodes: what matches the pattern's inputs, in their order.
        returning_nodes: what matches what the pattern returns, in its order.
    """

    anchors: list[Node]
    nodes_map: dict[Node, Any] = field(default_factory=dict)
    placeholder_nodes: list[Any] = field(default_factory=list)
    returning_nodes: list[Node] = field(default_factory=list)


class SubgraphMatcher:
    """Finds occurrences of a pattern.

    Args:
        pattern: the graph to look for.
        ignore_literals: let numbers and the like in the pattern match any others.
    """

    def __init__(self, pattern: Graph, ignore_literals: bool = False) -> None:
        self.pattern = pattern
        self.ignore_literals = ignore_literals
        output = pattern.output_node()
        self.returning = output.all_input_nodes
        inner = {node for node in pattern.nodes if node.op != "output"}
        # Others that the pattern returns are matched as inputs of these.
        self.anchors = [
            node
            for node in self.returning
            if not (set(node.users) & inner) or len(self.returning) == 1
        ]

    def match(self, graph: Graph) -> list[InternalMatch]:
        """The occurrences that do not overlap, earlier ones first."""
        found: list[InternalMatch] = []
        taken: set[Node] = set()
        for match in self._candidates(graph):
            inside = self._inside(match)
            if self._is_contained(match) and not inside & taken:
                taken |= inside
                found.append(match)
        return found

    def _candidates(self, graph: Graph) -> list[InternalMatch]:
        matches = [InternalMatch([])]
        for anchor in self.anchors:
            matches = [
                extended
                for match in matches
                for node in graph.nodes
                if (extended := self._with_anchor(match, anchor, node)) is not None
            ]
        for match in matches:
            inputs = [node for node in self.pattern.nodes if node.op == "placeholder"]
            match.placeholder_nodes = [match.nodes_map.get(node) for node in inputs]
            match.returning_nodes = [match.nodes_map[node] for node in self.returning]
        return matches

    def _with_anchor(self, match: InternalMatch, anchor: Node, node: Node) -> InternalMatch | None:
        extended = InternalMatch([*match.anchors, anchor], dict(match.nodes_map))
        return extended if self._match_nodes(anchor, node, extended.nodes_map) else None

    def _match_nodes(self, pattern: Node, node: Any, mapped: dict[Node, Any]) -> bool:
        if pattern in mapped:
            known = mapped[pattern]
            return known is node or (not isinstance(known, Node) and bool(known == node))
        if isinstance(node, Node) and node in mapped.values():
            return False
        if pattern.op == "placeholder":
            mapped[pattern] = node
            return True
        if not isinstance(node, Node):
            return False
        if not self._same_operation(pattern, node):
            return False
        mapped[pattern] = node
        return self._match_arguments(pattern, node, mapped)

    def _same_operation(self, pattern: Node, node: Node) -> bool:
        if pattern.op != node.op:
            return False
        if pattern.op in ("call_function", "call_method"):
            return bool(pattern.target == node.target)
        if pattern.op == "call_module":
            ours, theirs = _attribute(pattern), _attribute(node)
            return type(ours) is type(theirs)
        if pattern.op == "get_attr":
            return type(_attribute(pattern)) is type(_attribute(node))
        return pattern.op == "output"

    def _match_arguments(self, pattern: Node, node: Node, mapped: dict[Node, Any]) -> bool:
        ours, theirs = _by_name(pattern), _by_name(node)
        if len(pattern.args) != len(node.args) or pattern.kwargs.keys() != node.kwargs.keys():
            if ours.keys() != theirs.keys():
                return False
        return all(
            key in theirs and self._match_argument(ours[key], theirs[key], mapped) for key in ours
        )

    def _match_argument(self, ours: Any, theirs: Any, mapped: dict[Node, Any]) -> bool:
        if isinstance(ours, Node):
            return self._match_nodes(ours, theirs, mapped)
        if isinstance(ours, list | tuple):
            return (
                isinstance(theirs, list | tuple)
                and len(ours) == len(theirs)
                and all(
                    self._match_argument(a, b, mapped) for a, b in zip(ours, theirs, strict=True)
                )
            )
        if isinstance(ours, dict):
            return (
                isinstance(theirs, dict)
                and ours.keys() == theirs.keys()
                and all(self._match_argument(ours[k], theirs[k], mapped) for k in ours)
            )
        if isinstance(theirs, Node):
            return False
        if self.ignore_literals and not isinstance(theirs, slice):
            return True
        return type(ours) is type(theirs) and bool(ours == theirs)

    def _inside(self, match: InternalMatch) -> set[Node]:
        """The nodes of the match that a replacement takes the place of."""
        return {
            node
            for pattern, node in match.nodes_map.items()
            if pattern.op not in ("placeholder", "output")
        }

    def _is_contained(self, match: InternalMatch) -> bool:
        """Whether nothing else uses what goes away."""
        inside = self._inside(match)
        returned = set(match.returning_nodes)
        return all(user in inside for node in inside - returned for user in node.users)


def _by_name(node: Node) -> dict[Any, Any]:
    return {**dict(enumerate(node.args)), **node.kwargs}


def _attribute(node: Node) -> Any:
    value: Any = node.graph.owning_module
    for part in str(node.target).split("."):
        value = getattr(value, part, None)
    return value
