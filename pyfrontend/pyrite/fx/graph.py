"""Graphs: traced programs as lists of nodes, with what it takes to build, change and check them.

Layer L6. Nodes form a ring through a root that stands for both ends. Invariant: a node that is used
cannot be erased; `lint` checks that each is defined before it is used and that names are unique.

Source: https://docs.pytorch.org/docs/2.13/fx.html
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pyrite.fx.codegen import CodeGen, PythonCode, PyTreeCodeGen
from pyrite.fx.names import Namespace, snake_case
from pyrite.fx.node import OPS, Argument, Node, NodeList, Target, as_torch, map_aggregate, map_arg

if TYPE_CHECKING:
    from pyrite.nn import Module

__all__ = ["CodeGen", "Graph", "PyTreeCodeGen", "PythonCode"]

_LEGAL_OPS = OPS - {"root"}


class Graph:
    """A traced program.

    Args:
        owning_module: the module whose parameters and submodules it names.
        tracer_cls: the class of the tracer that made it.
        tracer_extras: what that tracer needs to trace the same again.
    """

    def __init__(
        self,
        owning_module: Module | None = None,
        tracer_cls: type | None = None,
        tracer_extras: dict[str, Any] | None = None,
    ) -> None:
        self._root = Node(self, "", "root", "", (), {})
        self._length = 0
        self._insert_before: Node | None = None
        self._namespace = Namespace()
        self._codegen = CodeGen()
        self._tracer_cls = tracer_cls
        self._tracer_extras = tracer_extras
        self.owning_module = owning_module

    @property
    def nodes(self) -> NodeList:
        """The nodes in the order in which they run."""
        return NodeList(self)

    def output_node(self) -> Node:
        """The output.

        Raises:
            StopIteration: there is none.
        """
        return next(node for node in reversed(self.nodes) if node.op == "output")

    def find_nodes(self, *, op: str, target: Target | None = None, sort: bool = True) -> list[Node]:
        """The nodes with an operation and, if given, a target.

        Args:
            op: the operation.
            target: the target; needed for calls of functions.
            sort: inert: nodes come in order either way.
        """
        if op == "call_function" and target is None:
            raise AssertionError("target must be provided for call_function")
        return [n for n in self.nodes if n.op == op and (target is None or n.target == target)]

    def _place(self, node: Node) -> int:
        return next(place for place, other in enumerate(self.nodes) if other is node)

    # Building

    def create_node(
        self,
        op: str,
        target: Target,
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        name: str | None = None,
        type_expr: Any | None = None,
    ) -> Node:
        """Insert a node at the place of insertion, by default the end.

        Args:
            op: the operation, see `Node`.
            target: the function; for other operations a name.
            args: positional arguments, nodes of this graph among them.
            kwargs: named arguments.
            name: the name of its value, made unique; by default after the target.
            type_expr: the annotation of its value.

        Raises:
            AssertionError: there is no such operation.
            ValueError: the target does not fit the operation.
        """
        if op not in _LEGAL_OPS:
            raise AssertionError(f"op '{op}' is not in _legal_ops")
        name = self._namespace.create_name(name or _name_after(target), None)
        node = Node(self, name, op, target, args or (), kwargs or {}, type_expr)
        self._namespace.associate_name_with_obj(name, node)
        (self._insert_before or self._root).prepend(node)
        self._length += 1
        return node

    def placeholder(
        self, name: str, type_expr: Any | None = None, default_value: Any = inspect.Signature.empty
    ) -> Node:
        """Insert an input."""
        args = () if default_value is inspect.Signature.empty else (default_value,)
        return self.create_node("placeholder", name, args, type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any | None = None) -> Node:
        """Insert a read of a parameter, buffer or attribute, by its dotted name."""
        self._warn_if_missing(
            qualified_name,
            "get_attr",
            ", GraphModule.add_parameter to add the necessary Parameter, or "
            "nn.Module.register_buffer to add the necessary buffer",
        )
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(
        self,
        module_name: str,
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        type_expr: Any | None = None,
    ) -> Node:
        """Insert a call of a submodule, by its dotted name."""
        self._warn_if_missing(module_name, "call_module", "")
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def _warn_if_missing(self, name: str, op: str, more: str) -> None:
        value: Any = self.owning_module
        if value is None:
            return
        for part in name.split("."):
            if not hasattr(value, part):
                warnings.warn(
                    f"Attempted to insert a {op} Node with no underlying reference in the owning "
                    "GraphModule! Call GraphModule.add_submodule to add the necessary "
                    f"submodule{more}",
                    stacklevel=3,
                )
                return
            value = getattr(value, part)

    def call_method(
        self,
        method_name: str,
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        type_expr: Any | None = None,
    ) -> Node:
        """Insert a call of a method of `args[0]`."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(
        self,
        the_function: Callable[..., Any],
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        type_expr: Any | None = None,
        name: str | None = None,
    ) -> Node:
        """Insert a call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name, type_expr)

    def output(self, result: Argument, type_expr: Any | None = None) -> Node:
        """Insert the output."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    def node_copy(
        self, node: Node, arg_transform: Callable[[Node], Argument] = lambda node: node
    ) -> Node:
        """Insert a copy of a node of another graph.

        Args:
            node: what to copy.
            arg_transform: gives the node of this graph for a node of the other.
        """
        args = map_arg(node.args, arg_transform)
        kwargs = map_arg(node.kwargs, arg_transform)
        result = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        result.meta = copy.copy(node.meta)
        return result

    def graph_copy(
        self, g: Graph, val_map: dict[Node, Node], return_output_node: bool = False
    ) -> Any:
        """Insert copies of all nodes of another graph but its output.

        Args:
            g: the other graph.
            val_map: nodes of this graph that stand for nodes of the other; copies are added.
            return_output_node: also return the other graph's output.

        Returns:
            What the other graph's output returns, in nodes of this graph; None without output.
        """
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                value = map_arg(node.args[0], lambda n: val_map[n])
                return (value, node) if return_output_node else value
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    def inserting_before(self, n: Node | None = None) -> contextlib.AbstractContextManager[None]:
        """Insert before a node, or at the beginning; in a `with` statement or from now on."""
        if n is None:
            return self.inserting_after(self._root)
        if n.graph is not self:
            raise AssertionError("Node to insert before is not in graph.")
        return _InsertionPoint(self, n)

    def inserting_after(self, n: Node | None = None) -> contextlib.AbstractContextManager[None]:
        """Insert after a node, or at the end; in a `with` statement or from now on."""
        if n is None:
            return self.inserting_before(self._root)
        if n.graph is not self:
            raise AssertionError("Node to insert after is not in graph.")
        return _InsertionPoint(self, n.next)

    # Changing

    def erase_node(self, to_erase: Node) -> None:
        """Take a node out.

        Raises:
            RuntimeError: it is still used.
            AssertionError: it is in another graph.
        """
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in "
                f"the graph: {to_erase.users}!"
            )
        if to_erase.graph is not self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            warnings.warn(f"erase_node({to_erase}) on an already erased node", stacklevel=2)
            return
        to_erase._remove_from_list()
        to_erase._erased = True
        to_erase._set_arguments((), {})
        self._length -= 1

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Erase the nodes that nothing uses and that do nothing else.

        Args:
            is_impure_node: says of a node whether it does something; by default `Node.is_impure`.

        Returns:
            Whether there were any.
        """
        self.lint()
        impure = is_impure_node or Node.is_impure
        before = self._length
        for node in reversed(self.nodes):
            if not node.users and not impure(node):
                self.erase_node(node)
        return self._length < before

    # Checking, code and text

    def lint(self) -> None:
        """Check that the graph is well formed.

        Raises:
            RuntimeError: an argument is of another graph or not yet defined; two values have one
                name; the module lacks what a node names.
        """
        names: set[str] = set()
        seen: set[Node] = set()
        for node in self.nodes:
            for used in node.all_input_nodes:
                if used.graph is not self:
                    raise RuntimeError(
                        f"Argument '{used}' of Node '{node}' does not belong to this Graph, but "
                        "was used as an argument! If you are copying nodes from another graph, "
                        "make sure to use ``arg_transform`` on node_copy() to remap values\n"
                        f"{self}"
                    )
                if used not in seen:
                    raise RuntimeError(
                        f"Argument '{used}' of Node '{node}' was used before it has been defined! "
                        f"Please check that Nodes in the graph are topologically ordered\n{self}"
                    )
            if node.name in names:
                raise RuntimeError(f"Node redefined name {node.name}!")
            seen.add(node)
            names.add(node.name)
            if self.owning_module is not None and node.op in ("get_attr", "call_module"):
                _check_reference(self.owning_module, node)

    def python_code(self, root_module: str, *, verbose: bool = False, **options: Any) -> PythonCode:
        """The graph as a Python function.

        Args:
            root_module: what the function calls the module: "self".
            verbose: write where each step came from as comments.
            options: further switches of PyTorch's printing; True raises.

        Raises:
            NotImplementedError: for a further switch.
        """
        for name, on in options.items():
            if on:
                raise NotImplementedError(f"Graph.python_code: {name} is not available")
        return self._codegen.generate(self.nodes, root_module, verbose)

    def set_codegen(self, codegen: CodeGen) -> None:
        """Let another object make the code."""
        self._codegen = codegen

    def on_generate_code(
        self,
        make_transformer: Callable[[Callable[..., Any] | None], Callable[[list[str]], list[str]]],
    ) -> contextlib.AbstractContextManager[None]:
        """Pass the lines of code through a function, from now on or in a `with` statement.

        Args:
            make_transformer: gives the function, from the one before it or None.
        """
        before = self._codegen.body_transformer
        self._codegen.body_transformer = make_transformer(before)

        @contextlib.contextmanager
        def restoring() -> Iterator[None]:
            try:
                yield
            finally:
                self._codegen.body_transformer = before

        return restoring()

    def process_inputs(self, *args: Any) -> Any:
        """The values of the inputs for these arguments."""
        return self._codegen.process_inputs(*args)

    def process_outputs(self, out: Any) -> Any:
        """What the program returns for this value of the output."""
        return self._codegen.process_outputs(out)

    def __str__(self) -> str:
        return "\n    ".join(["graph():", *(str(node.format_node()) for node in self.nodes)])

    def print_tabular(self) -> None:
        """Print the nodes as a table."""
        head = ["opcode", "name", "target", "args", "kwargs"]
        rows = [[n.op, n.name, n.target, n.args, n.kwargs] for n in self.nodes]
        table = [head, *([as_torch(str(cell)) for cell in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        table.insert(1, ["-" * width for width in widths])
        for row in table:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print("  ".join(cells).rstrip())

    # Copies

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Graph:
        result = Graph(tracer_cls=self._tracer_cls, tracer_extras=self._tracer_extras)
        copied: dict[Node, Node] = {}
        output = result.graph_copy(self, copied, return_output_node=True)
        if output is not None:
            value, old = output
            new = result.output(value, type_expr=old.type)
            new.meta = copy.copy(old.meta)
        result._codegen = copy.deepcopy(self._codegen)
        return result

    def __getstate__(self) -> dict[str, Any]:
        # A list, since the chain of nodes is as deep as the program is long. Without `meta`, which
        # may hold anything.
        places = {node: _Place(place) for place, node in enumerate(self.nodes)}

        def flat(node: Node) -> tuple[Any, ...]:
            args, kwargs = (map_arg(a, places.__getitem__) for a in (node.args, node.kwargs))
            return node.op, node.target, args, kwargs, node.name, node.type

        return {
            "nodes": [flat(node) for node in self.nodes],
            "codegen": self._codegen,
            "tracer": (self._tracer_cls, self._tracer_extras),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        Graph.__init__(self, None, *state["tracer"])
        self._codegen = state["codegen"]
        nodes: list[Node] = []

        def node_at(value: Any) -> Any:
            return nodes[value] if isinstance(value, _Place) else value

        for op, target, args, kwargs, name, kind in state["nodes"]:
            args, kwargs = map_aggregate(args, node_at), map_aggregate(kwargs, node_at)
            nodes.append(self.create_node(op, target, args, kwargs, name, kind))


class _Place(int):
    """In a pickle, the node with this number."""


class _InsertionPoint(contextlib.AbstractContextManager[None]):
    """Where nodes go from now on, and until the end of a `with` statement."""

    def __init__(self, graph: Graph, place: Node) -> None:
        self._graph, self._before = graph, graph._insert_before
        graph._insert_before = place

    def __exit__(self, *exc_info: object) -> None:
        self._graph._insert_before = self._before


def _name_after(target: Target) -> str:
    if not isinstance(target, str):
        return snake_case(target.__name__)
    magic = re.fullmatch("__(.*)__", target)
    return snake_case(magic[1] if magic else target)


def _check_reference(module: Any, node: Node) -> None:
    """Raises RuntimeError unless the module has what the node names, of a fitting class."""
    from pyrite._C import Tensor
    from pyrite.nn import Module

    value = module
    parts = str(node.target).split(".")
    for place, part in enumerate(parts):
        if not hasattr(value, part):
            path = ".".join(parts[:place])
            raise RuntimeError(
                f"Node {node} target {node.target} references nonexistent attribute {part} of "
                f"{path}"
            )
        value = getattr(value, part)
    if node.op == "call_module" and not isinstance(value, Module):
        raise RuntimeError(
            f"Node {node} target {node.target} {parts[-1]} of {'.'.join(parts[:-1])} does not "
            "reference an nn.Module"
        )
    if node.op == "get_attr" and not isinstance(value, Module | Tensor):
        warnings.warn(
            f"Node {node} target {node.target} {parts[-1]} of {'.'.join(parts[:-1])} does not "
            "reference an nn.Module, nn.Parameter, or buffer, which is what 'get_attr' Nodes "
            "typically target",
            stacklevel=3,
        )
