"""Code from graphs: the Python function that a graph stands for.

Layer L6. Each node becomes one statement, which also drops the values it is the last to use. The
text is PyTorch's, to the letter.
"""

from __future__ import annotations

import builtins
import enum
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pyrite.fx.names import GLOBALS, Namespace, is_own, qualified_name, type_name, type_origin
from pyrite.fx.node import Argument, Node, as_torch, map_arg
from pyrite.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

__all__ = ["CodeGen", "PyTreeCodeGen", "PythonCode"]

_OPERATORS = {
    "eq": "{} == {}",
    "ne": "{} != {}",
    "lt": "{} < {}",
    "gt": "{} > {}",
    "le": "{} <= {}",
    "ge": "{} >= {}",
    "pos": "+{}",
    "neg": "-{}",
    "invert": "~{}",
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "floordiv": "{} // {}",
    "truediv": "{} / {}",
    "mod": "{} % {}",
    "pow": "{} ** {}",
    "lshift": "{} << {}",
    "rshift": "{} >> {}",
    "and_": "{} & {}",
    "or_": "{} | {}",
    "xor": "{} ^ {}",
    "getitem": "{}[{}]",
    "matmul": "{} @ {}",
}
_IN_PLACE = {
    f"i{name}": f"{{}} {symbol}= {{}}"
    for name, symbol in {
        "add": "+",
        "and": "&",
        "floordiv": "//",
        "lshift": "<<",
        "mod": "%",
        "mul": "*",
        "matmul": "@",
        "or": "|",
        "pow": "**",
        "rshift": ">>",
        "sub": "-",
        "truediv": "/",
        "xor": "^",
    }.items()
}


# List[int] prints as typing's, list[int] as the class.
_GENERIC = {
    list: typing.List,  # noqa: UP006
    dict: typing.Dict,  # noqa: UP006
    set: typing.Set,  # noqa: UP006
    frozenset: typing.FrozenSet,  # noqa: UP006
    tuple: typing.Tuple,  # noqa: UP006
}


@dataclass
class PythonCode:
    """A function `forward`: its text, and the names that the text takes from outside."""

    src: str
    globals: dict[str, Any]


class _Writer:
    """Writes the statements of one function."""

    def __init__(self, nodes: Iterable[Node], root: str) -> None:
        self.nodes = list(nodes)
        self.root = root
        self.names = Namespace()
        self.globals: dict[str, Any] = {}
        self.name_of: dict[int, str] = {}
        self.wrapped: dict[str, None] = {}
        self.inputs: list[str] = []
        self.returns = ""
        self.last_uses = _last_uses(self.nodes)
        for name, (_, obj) in GLOBALS.items():
            self._define(self.names.create_name(name, obj), obj)

    def add_global(self, hint: str, obj: Any) -> str:
        """The name by which code reaches a global object."""
        if is_own(obj):
            return qualified_name(obj)
        if getattr(builtins, hint, None) is obj:
            return hint
        if id(obj) not in self.name_of:
            self._define(self.names.create_name(hint, None), obj)
        return self.name_of[id(obj)]

    def _define(self, name: str, obj: Any) -> None:
        self.globals[name] = obj
        self.name_of[id(obj)] = name

    def type_text(self, kind: Any) -> str:
        if kind == ():
            return "()"
        origin = type_origin(kind)
        if origin is None:
            return self.add_global(type_name(kind), kind)
        if type(kind).__module__ == "typing":
            origin = _GENERIC.get(origin, origin)
        text = self.add_global(type_name(origin), origin)
        return f"{text}[{','.join(self.type_text(arg) for arg in kind.__args__)}]"

    def text(self, arg: Argument) -> str:
        """An argument as code."""
        if isinstance(arg, tuple):
            items = ", ".join(map(self.text, arg))
            if hasattr(arg, "_fields"):
                return f"{self.add_global(qualified_name(type(arg)), type(arg))}({items})"
            return f"({items},)" if len(arg) == 1 else f"({items})"
        if isinstance(arg, list):
            return f"[{', '.join(map(self.text, arg))}]"
        if isinstance(arg, dict):
            return f"{{{', '.join(f'{key!r}: {self.text(arg[key])}' for key in arg)}}}"
        if isinstance(arg, slice):
            return f"slice({', '.join(map(self.text, (arg.start, arg.stop, arg.step)))})"
        if isinstance(arg, Node):
            return repr(arg)
        if isinstance(arg, enum.Enum):
            cls = type(arg)
            return f"{self.add_global(cls.__name__, cls)}.{arg.name}"
        if isinstance(arg, type) or (callable(arg) and hasattr(arg, "__qualname__")):
            return self.add_global(qualified_name(arg), arg)
        return as_torch(repr(arg)) if is_own(arg) else repr(arg)

    def call(self, function: str, args: Any, kwargs: Any) -> str:
        texts = [self.text(arg) for arg in args]
        texts += [f"{name} = {self.text(arg)}" for name, arg in kwargs.items()]
        return f"{function}({', '.join(texts)})"

    def attribute(self, target: str) -> str:
        """The module's attribute with a dotted name."""
        text = self.root
        for part in target.split("."):
            text = f"{text}.{part}" if part.isidentifier() else f'getattr({text}, "{part}")'
        return text

    def statement(self, node: Node) -> str:
        """The code of one node, or nothing for an input by its own name."""
        note = "" if node.type is None else f" : {self.type_text(node.type)}"
        head = f"{node!r}{note} = "
        if node.op == "placeholder":
            default = f" = {self.text(node.args[0])}" if node.args else ""
            self.inputs.append(f"{node.target}{note}{default}")
            plain = node.target.replace("*", "")
            return "" if plain == node.name else f"{node!r} = {plain}\n"
        if node.op == "get_attr":
            return head + self.attribute(node.target)
        if node.op == "call_module":
            return head + self.call(self.attribute(node.target), node.args, node.kwargs)
        if node.op == "call_method":
            receiver = self.text(node.args[0])
            return head + self.call(f"{receiver}.{node.target}", node.args[1:], node.kwargs)
        return self.function_call(node, head)

    def function_call(self, node: Node, head: str) -> str:
        target, args = node.target, node.args
        if getattr(target, "__module__", None) == "_operator":
            name = target.__name__
            if name in _OPERATORS:
                return head + _OPERATORS[name].format(*map(self.text, args))
            if name in _IN_PLACE:
                texts = [self.text(arg) for arg in args]
                return f"{_IN_PLACE[name].format(*texts)};  {head}{texts[0]}"
        full_name = qualified_name(target)
        function = self.add_global(full_name, target)
        if full_name == "getattr" and _names_attribute(args):
            return f"{head}{self.text(args[0])}.{args[1]}"
        if node.meta.get("is_wrapped", False):
            self.wrapped.setdefault(function)
        return head + self.call(function, args, node.kwargs)

    def drop(self, node: Node) -> str:
        """What ends the statement of a node: values that nobody uses any more are dropped."""
        if node.op == "placeholder":
            return ""
        dead = [*self.last_uses.get(node, ()), *(() if node.users else (node,))]
        return f";  {' = '.join([*map(repr, dead), 'None'])}\n" if dead else "\n"


def _names_attribute(args: tuple[Argument, ...]) -> bool:
    return len(args) == 2 and isinstance(args[1], str) and args[1].isidentifier()


def _last_uses(nodes: list[Node]) -> dict[Node, list[Node]]:
    """For each node, the nodes that it is the last to use."""
    seen: set[Node] = set()
    uses: dict[Node, list[Node]] = {}
    for node in reversed(nodes):

        def note(used: Node, user: Node = node) -> Node:
            if used not in seen:
                seen.add(used)
                uses.setdefault(user, []).append(used)
            return used

        map_arg((node.args, node.kwargs), note)
    return uses


class CodeGen:
    """Makes code from graphs. A subclass may change the signature and what is returned."""

    def __init__(self) -> None:
        self.body_transformer: Callable[[list[str]], list[str]] | None = None

    def gen_fn_def(self, free_vars: list[str], maybe_return_annotation: str) -> str:
        """The first line of the function.

        Args:
            free_vars: its parameters, as text.
            maybe_return_annotation: " -> ..." or nothing.
        """
        if not free_vars or free_vars[0] != "self":
            free_vars.insert(0, "self")
        return f"def forward({', '.join(free_vars)}){maybe_return_annotation}:"

    def generate_output(self, output_args: str) -> str:
        """The statement that returns, from the text of what is returned."""
        return f"return {output_args}"

    def process_inputs(self, *args: Any) -> Any:
        """The values of the inputs for these arguments."""
        return args

    def process_outputs(self, outputs: Any) -> Any:
        """What the function returns for this value of the output."""
        return outputs

    def additional_globals(self) -> list[tuple[str, Any]]:
        """Further names that the code uses, with their objects."""
        return []

    def generate(self, nodes: Iterable[Node], root_module: str, verbose: bool) -> PythonCode:
        """The function for a graph.

        Args:
            nodes: its nodes.
            root_module: what the function calls the module.
            verbose: write where each step came from as comments.
        """
        writer = _Writer(nodes, root_module)
        for name, obj in self.additional_globals():
            writer.add_global(name, obj)
        body: list[str] = []
        origin: str | None = None
        for node in writer.nodes:
            if verbose and node.op != "output" and node.op != "placeholder":
                here = node.stack_trace or ""
                if here != origin:
                    body.append(f"\n{_origin_comment(here)}\n")
                    origin = here
            if node.op == "output":
                if node.type is not None:
                    writer.returns = f" -> {writer.type_text(node.type)}"
                body += [self.generate_output(writer.text(node.args[0])), "\n"]
                continue
            body += [writer.statement(node), writer.drop(node)]
        return PythonCode(self._assemble(writer, body or ["pass\n"]), writer.globals)

    def _assemble(self, writer: _Writer, body: list[str]) -> str:
        if self.body_transformer:
            body = self.body_transformer(body)
        wraps = "\n".join(f'torch.fx._symbolic_trace.wrap("{name}")' for name in writer.wrapped)
        head = self.gen_fn_def(writer.inputs, writer.returns)
        lines = "".join(body).split("\n")
        return f"\n{wraps}\n\n{head}\n" + "\n".join(f"    {line}" for line in lines)


def _origin_comment(trace: str) -> str:
    if not trace:
        return "# No stacktrace found for following nodes"
    lines = [line.strip() for line in trace.strip().split("\n")]
    place = next((line for line in reversed(lines) if line.startswith("File ")), lines[0])
    return f"# {place}, code: {lines[-1]}"


class PyTreeCodeGen(CodeGen):
    """Code of a function whose arguments and result are trees of the values in the graph.

    Args:
        arguments: the names of the function's parameters.
        in_spec: the structure of its arguments.
        out_spec: the structure of its result.
    """

    def __init__(self, arguments: list[str], in_spec: TreeSpec, out_spec: TreeSpec | None) -> None:
        super().__init__()
        self.arguments, self.in_spec, self.out_spec = arguments, in_spec, out_spec

    def gen_fn_def(self, free_vars: list[str], maybe_return_annotation: str) -> str:
        """The first line, and the one that takes the arguments apart."""
        head = super().gen_fn_def(list(self.arguments), maybe_return_annotation)
        if not free_vars:
            return head
        names = [text.split(":")[0].split("=")[0].strip() for text in free_vars]
        trees = ", ".join(name for name in self.arguments if name != "self")
        flat = f"fx_pytree.tree_flatten_spec([{trees}], self._in_spec)"
        return f"{head}\n    {', '.join([*names, ''])}= {flat}"

    def generate_output(self, output_args: str) -> str:
        """The statement that puts the result together."""
        if self.out_spec is None:
            return super().generate_output(output_args)
        return f"return pytree.tree_unflatten({output_args}, self._out_spec)"

    def process_inputs(self, *args: Any) -> Any:
        """The leaves of the arguments."""
        return self.in_spec.flatten_up_to(list(args))

    def process_outputs(self, outputs: Any) -> Any:
        """The result put together."""
        if self.out_spec is None:
            return outputs
        leaves = outputs if isinstance(outputs, list | tuple) else tree_flatten(outputs)[0]
        return tree_unflatten(leaves, self.out_spec)
