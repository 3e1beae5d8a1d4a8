"""Nodes: the steps of a traced program, each an operation on the results of others.

Layer L6. A node stands in the linked list of its graph. Invariant: `users` of every node are those
whose arguments hold it; arguments are immutable, so that only setting them can change this.

Source: https://docs.pytorch.org/docs/2.13/fx.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pyrite
from pyrite._C import Tensor
from pyrite._typename import typename
from pyrite.fx.immutable_collections import immutable_dict, immutable_list
from pyrite.fx.names import target_name, type_name

if TYPE_CHECKING:
    from pyrite.fx.graph import Graph

__all__ = [
    "Argument",
    "Node",
    "Target",
    "base_types",
    "has_side_effect",
    "map_aggregate",
    "map_arg",
]

# A function for "call_function", else a name.
Target = Any
Argument = Any

# What an argument may be besides nodes and containers of arguments.
base_types = (
    str,
    int,
    float,
    bool,
    complex,
    pyrite.dtype,
    Tensor,
    pyrite.device,
    pyrite.memory_format,
    pyrite.layout,
)

OPS = {
    "placeholder",
    "call_method",
    "call_module",
    "call_function",
    "get_attr",
    "output",
    "root",
}

_SIDE_EFFECTS: set[Callable[..., Any]] = {
    pyrite._assert,
    pyrite._C._set_grad_enabled,
    pyrite.set_grad_enabled,
    print,
}


def has_side_effect(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Says of a function that calls of it stay, even if nothing uses the result; returns it."""
    _SIDE_EFFECTS.add(fn)
    return fn


def map_aggregate(a: Argument, fn: Callable[[Argument], Argument]) -> Argument:
    """The argument with `fn` of each value in its containers; containers become immutable."""
    if isinstance(a, tuple):
        items = (map_aggregate(item, fn) for item in a)
        return type(a)(*items) if hasattr(a, "_fields") else tuple(items)
    if isinstance(a, list):
        return immutable_list(map_aggregate(item, fn) for item in a)
    if isinstance(a, dict):
        return immutable_dict((key, map_aggregate(value, fn)) for key, value in a.items())
    if isinstance(a, slice):
        return slice(*(map_aggregate(part, fn) for part in (a.start, a.stop, a.step)))
    return fn(a)


def map_arg(a: Argument, fn: Callable[[Node], Argument]) -> Argument:
    """The argument with `fn` of each node in it.

    Raises:
        AssertionError: `fn` cannot be called.
    """
    assert callable(fn), "torch.fx.map_arg(a, fn): fn must be a callable"
    return map_aggregate(a, lambda value: fn(value) if isinstance(value, Node) else value)


class Node:
    """A step of a traced program.

    Attributes:
        graph: the graph it is in.
        name: the name of its value, unique in the graph.
        op: "placeholder" (an input), "get_attr" (a value from the module), "call_function",
            "call_method", "call_module" or "output".
        target: the function; for other operations a name.
        args, kwargs: what it is applied to: nodes, plain values, containers of these.
        users: the nodes that use its value, as the keys of a dictionary.
        type: the annotation of its value, or None.
        meta: what passes note about it.
    """

    def __init__(
        self,
        graph: Graph,
        name: str,
        op: str,
        target: Target,
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        return_type: Any | None = None,
    ) -> None:
        if op not in OPS:
            raise AssertionError(f"op '{op}' is not in _legal_ops")
        self.graph = graph
        self.name = name
        if (op == "call_function") != callable(target) or isinstance(target, Node):
            expected = "a Callable" if op == "call_function" else "a str"
            raise ValueError(
                f"Node [graph = {graph}, name = '{name}'] target {target} has type "
                f"{typename(target)} but {expected} is expected"
            )
        self.op = op
        self.target = target
        self.users: dict[Node, None] = {}
        self.type = return_type
        self.meta: dict[str, Any] = {}
        self._input_nodes: dict[Node, None] = {}
        self._erased = False
        self._prev = self._next = self
        self._set_arguments(args, kwargs)

    @property
    def next(self) -> Node:
        """The node after it."""
        return self._next

    @property
    def prev(self) -> Node:
        """The node before it."""
        return self._prev

    def prepend(self, x: Node) -> None:
        """Move the node `x` to the place before this one."""
        if self.graph is not x.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if self is x:
            return
        x._remove_from_list()
        before = self._prev
        before._next, x._prev = x, before
        x._next, self._prev = self, x

    def append(self, x: Node) -> None:
        """Move the node `x` to the place after this one."""
        self._next.prepend(x)

    def _remove_from_list(self) -> None:
        self._prev._next, self._next._prev = self._next, self._prev

    @property
    def args(self) -> tuple[Argument, ...]:
        """The positional arguments."""
        return self._args

    @args.setter
    def args(self, args: tuple[Argument, ...]) -> None:
        self._set_arguments(args, self._kwargs)

    @property
    def kwargs(self) -> dict[str, Argument]:
        """The named arguments."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, kwargs: dict[str, Argument]) -> None:
        self._set_arguments(self._args, kwargs)

    def _set_arguments(self, args: Any, kwargs: Any) -> None:
        for used in self._input_nodes:
            used.users.pop(self, None)
        self._input_nodes = {}

        def note(node: Node) -> Node:
            self._input_nodes.setdefault(node)
            node.users.setdefault(self)
            return node

        self._args: tuple[Argument, ...] = map_arg(tuple(args), note)
        self._kwargs: dict[str, Argument] = map_arg(dict(kwargs), note)

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes whose values it uses, each once, in the order of its arguments."""
        return list(self._input_nodes)

    def update_arg(self, idx: int, arg: Argument) -> None:
        """Replace the positional argument number `idx`."""
        args = list(self.args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx: int, arg: Argument) -> None:
        """Insert a positional argument before number `idx`."""
        if not 0 <= idx <= len(self.args):
            raise AssertionError("insert_args index must be between 0 and len(self.args)")
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_kwarg(self, key: str, arg: Argument) -> None:
        """Set a named argument."""
        self.kwargs = {**self.kwargs, key: arg}

    @property
    def stack_trace(self) -> str | None:
        """Where the program did this step, if the tracer recorded it."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace: str | None) -> None:
        self.meta["stack_trace"] = trace

    def __repr__(self) -> str:
        return self.name

    def __lt__(self, other: Node) -> bool:
        return self.graph._place(self) < self.graph._place(other)

    def __reduce__(self) -> Any:
        raise TypeError("a node is pickled with its graph, not by itself")

    def format_node(
        self,
        placeholder_names: list[str] | None = None,
        maybe_return_typename: list[str] | None = None,
    ) -> str | None:
        """The line that stands for it in a listing of the graph.

        Args:
            placeholder_names: if given, receives the names of inputs, which get no line.
            maybe_return_typename: if given, its first entry receives the type of the output.
        """
        kind = f"{type_name(self.type)} " if self.type else ""
        head = f"%{self.name} : {kind}[num_users={len(self.users)}] ="
        if self.op == "placeholder":
            if placeholder_names is not None:
                placeholder_names.append(f"{self.target}: {kind}" if kind else str(self.target))
                return None
            default = f"(default={self.args[0]})" if self.args else ""
            return f"{head} {self.op}[target={self.target}]{default}"
        if self.op == "get_attr":
            return f"{head} {self.op}[target={target_name(self.target)}]"
        if self.op == "output":
            if self.type and maybe_return_typename:
                maybe_return_typename[0] = f" -> {type_name(self.type)}"
            return f"return {as_torch(str(self.args[0]))}"
        args, kwargs = _format_argument(self.args), _format_argument(self.kwargs)
        target = target_name(self.target)
        return f"{head} {self.op}[target={target}](args = {args}, kwargs = {kwargs})"

    def replace_all_uses_with(
        self,
        replace_with: Node,
        delete_user_cb: Callable[[Node], bool] = lambda user: True,
        *,
        propagate_meta: bool = False,
    ) -> list[Node]:
        """Let the users of this node use another one.

        Args:
            replace_with: the other node.
            delete_user_cb: says of a user whether to change it.
            propagate_meta: also give the other node this one's `meta`; it must have none.

        Returns:
            The users that were changed.
        """
        if propagate_meta:
            if replace_with.meta:
                raise AssertionError(
                    "Called node.replace_all_uses_with(replace_with, propagate_meta=True), "
                    "but replace_with already has .meta keys"
                )
            replace_with.meta.update(self.meta)
        changed = [user for user in list(self.users) if delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Use `new_input` where an argument is `old_input`."""

        def replaced(node: Node) -> Node:
            return new_input if node is old_input else node

        self._set_arguments(map_arg(self.args, replaced), map_arg(self.kwargs, replaced))

    def is_impure(self, impure_random: bool = True) -> bool:
        """Whether it does something besides giving a value, so that it stays without users.

        Args:
            impure_random: inert: random functions of Pyrite are not told apart.

        As in PyTorch, writing into an argument does not count.
        """
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            return self.target in _SIDE_EFFECTS
        if self.op == "call_module":
            owner = self.graph.owning_module
            if owner is None:
                raise AssertionError("self.graph.owning_module not set for purity check")
            return bool(getattr(owner.get_submodule(self.target), "_is_impure", False))
        return False


def as_torch(text: str) -> str:
    """A text with the names of dtypes and the like as PyTorch writes them."""
    return text.replace("pyrite.", "torch.") if "pyrite." in text else text


def _format_argument(arg: Argument) -> str:
    if isinstance(arg, list):
        return f"[{', '.join(map(_format_argument, arg))}]"
    if isinstance(arg, tuple):
        items = ", ".join(map(_format_argument, arg))
        return f"({items},)" if len(arg) == 1 else f"({items})"
    if isinstance(arg, dict):
        return f"{{{', '.join(f'{key}: {_format_argument(arg[key])}' for key in arg)}}}"
    return f"%{arg}" if isinstance(arg, Node) else as_torch(str(arg))


class NodeList:
    """The nodes of a graph in order, or in reverse; may be walked while nodes come and go."""

    def __init__(self, graph: Graph, direction: str = "_next") -> None:
        self.graph = graph
        self._direction = direction

    def __len__(self) -> int:
        return self.graph._length

    def __iter__(self) -> Iterator[Node]:
        root = self.graph._root
        node = getattr(root, self._direction)
        while node is not root:
            if not node._erased:
                yield node
            node = getattr(node, self._direction)

    def __reversed__(self) -> NodeList:
        return NodeList(self.graph, "_prev" if self._direction == "_next" else "_next")
