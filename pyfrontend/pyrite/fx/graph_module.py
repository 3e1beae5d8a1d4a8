"""Modules made from graphs: their `forward` is the code of the graph.

Layer L6. Each graph module is of a class of its own, which holds its `forward`. Changing the graph
has no effect until `recompile`. Copies and pickles carry the graph; code is made again.

Source: https://docs.pytorch.org/docs/2.13/fx.html#torch.fx.GraphModule
"""

from __future__ import annotations

import copy
import itertools
import linecache
import os
import sys
import traceback
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyrite._C import Tensor
from pyrite.fx.codegen import PythonCode, PyTreeCodeGen
from pyrite.fx.graph import Graph
from pyrite.fx.names import GLOBALS
from pyrite.nn import Module, Parameter

__all__ = ["GraphModule"]

_NUMBERS = itertools.count()
_USER_PRESERVED_ATTRIBUTES_KEY = "_user_preserved_attributes"
_REFERENCES = ("get_attr", "call_module")


def _compiled(code: PythonCode) -> Callable[..., Any]:
    """The function `forward` of generated code; tracebacks show its lines."""
    name = f"<eval_with_key>.{next(_NUMBERS)}"
    namespace = dict(code.globals)
    exec(compile(code.src, name, "exec"), namespace)
    function: Callable[..., Any] = namespace["forward"]
    lines = [f"{line}\n" for line in code.src.splitlines()]
    linecache.cache[name] = (len(code.src), None, lines, name)
    weakref.finalize(function, linecache.cache.pop, name, None)
    return function


class _CodeOnlyModule(Module):
    """A module with given attributes, for packages that make graph modules of their own kind."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__()
        self.__dict__ = body


class GraphModule(Module):
    """A module that runs a graph.

    Args:
        root: where the parameters, buffers and submodules come from that the graph names: a
            module, or a dictionary by dotted name.
        graph: the graph; the module becomes its owner.
        class_name: the name that `repr` shows.

    Raises:
        RuntimeError: the dictionary lacks what the graph names, or `root` is neither.
    """

    _graph: Graph
    _code: str

    def __new__(cls, *args: Any, **kwargs: Any) -> GraphModule:
        """An instance of a class of its own, which will hold its `forward`."""
        base = next(c for c in cls.__mro__ if c.__qualname__ != "GraphModuleImpl")
        own = type("GraphModuleImpl", (base,), {"__module__": GraphModule.__module__})
        own.__qualname__ = "GraphModuleImpl"
        return super().__new__(own)

    def __init__(
        self, root: Module | dict[str, Any], graph: Graph, class_name: str = "GraphModule"
    ) -> None:
        super().__init__()
        type(self).__name__ = class_name
        if isinstance(root, Module):
            self.training = getattr(root, "training", self.training)
            for name in _references(graph):
                _copy_attr(root, self, name)
        elif isinstance(root, dict):
            self._take(root, graph)
        else:
            raise RuntimeError(f"Unsupported type {root} passed for root!")
        self.meta: dict[str, Any] = dict(getattr(root, "meta", {}))
        self.graph = graph

    def _take(self, root: dict[str, Any], graph: Graph) -> None:
        for node in graph.nodes:
            if node.op in _REFERENCES and node.target not in root:
                raise RuntimeError(
                    f"Node {node} referenced target {node.target} but that target was not "
                    "provided in ``root``!"
                )
        # Outer modules first: assigning one later would replace what was put below it.
        for name in sorted(_references(graph), key=lambda name: name.count(".")):
            _assign(root[name], self, name)

    @property
    def graph(self) -> Graph:
        """The graph. Setting it makes the code anew."""
        return self._graph

    @graph.setter
    def graph(self, g: Graph) -> None:
        if not isinstance(g, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(g)}")
        self.__dict__["_graph"] = g
        g.owning_module = self
        self.recompile()

    @property
    def code(self) -> str:
        """The text of `forward`."""
        return self._code

    def recompile(self) -> PythonCode:
        """Make the code of `forward` from the graph; to be called after changing the graph."""
        codegen = self._graph._codegen
        if isinstance(codegen, PyTreeCodeGen):
            self._in_spec, self._out_spec = codegen.in_spec, codegen.out_spec
        code: PythonCode = self._graph.python_code("self")
        self.__dict__["_code"] = code.src
        type(self).forward = _compiled(code)
        return code

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the graph; an error in its code is shown with the lines around it."""
        try:
            return super().__call__(*args, **kwargs)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            if frames and frames[-1].filename.startswith("<eval_with_key>"):
                print(_shown(frames[-1]), file=sys.stderr)
            raise

    # Submodules

    def add_submodule(self, target: str, m: Module) -> bool:
        """Put a module under a dotted name, with empty modules above it as needed.

        Returns:
            Whether it could be: False if something else is in the way.
        """
        *path, last = target.split(".")
        module: Module = self
        for part in path:
            if not hasattr(module, part):
                setattr(module, part, Module())
            module = getattr(module, part)
            if not isinstance(module, Module):
                return False
        module.add_module(last, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Remove the submodule with a dotted name.

        Returns:
            Whether there was one.
        """
        path, _, last = target.rpartition(".")
        module = self._submodule(path) if path else self
        if module is None or not isinstance(getattr(module, last, None), Module):
            return False
        delattr(module, last)
        return True

    def _submodule(self, target: str) -> Module | None:
        try:
            module: Module = self.get_submodule(target)
        except AttributeError:
            return None
        return module

    def delete_all_unused_submodules(self) -> None:
        """Remove the submodules that no node names and that hold none that a node names."""
        used: set[str] = set()
        for node in self.graph.nodes:
            if node.op not in _REFERENCES:
                continue
            parts = str(node.target).split(".")
            used.update(".".join(parts[:end]) for end in range(1, len(parts) + 1))
            if node.op == "call_module" and (module := self._submodule(str(node.target))):
                used.update(f"{node.target}.{name}" for name, _ in module.named_modules() if name)
        for name in [name for name, _ in self.named_modules() if name and name not in used]:
            self.delete_submodule(name)

    # Copies and text

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphModule:
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        type(copied).__name__ = "GraphModule"
        for name, value in self.__dict__.items():
            if name != "_graph":
                copied.__dict__[name] = copy.deepcopy(value, memo)
        copied.graph = copy.deepcopy(self._graph, memo)
        return copied

    def __copy__(self) -> GraphModule:
        copied = GraphModule(self, copy.deepcopy(self._graph), type(self).__name__)
        copied.meta = dict(self.meta)
        return copied

    def __reduce__(self) -> Any:
        state = {k: v for k, v in self.__dict__.items() if k not in ("_graph", "_code")}
        return _rebuild, (state, self._graph)

    def __str__(self) -> str:
        hint = "# To see more debug info, please use `graph_module.print_readable()`"
        return "\n".join([super().__str__(), self._code, hint])

    def print_readable(self, print_output: bool = True, **options: Any) -> str:
        """The code of this module and of the graph modules below it, with comments.

        Args:
            print_output: also print it.
            options: further switches of PyTorch's printing; True raises.
        """
        text = self._readable(type(self).__name__, **options)
        if print_output:
            print(text)
        return text

    def _readable(self, name: str, **options: Any) -> str:
        code = self._graph.python_code("self", verbose=True, **options).src.lstrip("\n")
        texts = [f"class {name}(torch.nn.Module):\n{_indented(code)}"]
        for below, module in self.named_children():
            if isinstance(module, GraphModule):
                texts.append(_indented(module._readable(below, **options)))
        return "\n".join(texts)

    def to_folder(self, folder: str | os.PathLike[str], module_name: str = "FxModule") -> None:
        """Write the module as a Python package.

        Args:
            folder: where to; made if it is not there.
            module_name: the name of the class in it.
        """
        from pyrite.serialization import save

        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        save(self.state_dict(), path / "state_dict.pt")
        children = []
        for name, module in self.named_children():
            save(module, path / f"{name}.pt")
            file = f"Path(__file__).parent / '{name}.pt'"
            children.append(f"self.{name} = torch.load({file}, weights_only=False)")
        for kind, named in (("parameter", self._parameters), ("buffer", self._buffers)):
            for name, value in named.items():
                if value is None:
                    continue
                made = f"torch.empty({list(value.shape)}, dtype={value.dtype})"
                made = made.replace("pyrite.", "torch.")
                made = f"torch.nn.Parameter({made})" if kind == "parameter" else made
                children.append(f"self.register_{kind}('{name}', {made})")
        imports = "\n".join(statement for statement, _ in GLOBALS.values())
        body = "\n        ".join(["super().__init__()", *children])
        (path / "module.py").write_text(
            f"from pathlib import Path\n{imports}\n\n\nclass {module_name}(torch.nn.Module):\n"
            f"    def __init__(self):\n        {body}\n"
            "        self.load_state_dict(torch.load(Path(__file__).parent / 'state_dict.pt'))\n\n"
            f"{_indented(self._code)}\n"
        )
        (path / "__init__.py").write_text("from .module import *\n")


def _rebuild(state: dict[str, Any], graph: Graph) -> GraphModule:
    module = GraphModule.__new__(GraphModule)
    module.__dict__.update(state)
    type(module).__name__ = "GraphModule"
    module.graph = graph
    return module


def _references(graph: Graph) -> list[str]:
    """The dotted names of attributes that a graph uses, each once."""
    return list(dict.fromkeys(str(n.target) for n in graph.nodes if n.op in _REFERENCES))


def _copy_attr(source: Module, target: Module, name: str) -> None:
    """Let `target` have what `source` has under a dotted name; nothing if it has not."""
    *path, last = name.split(".")
    holder: Any = source
    taker: Any = target
    for part in path:
        holder, taker = getattr(holder, part), getattr(taker, part, None)
        if holder is taker:
            return  # `target` has it already, with what is around it
    if hasattr(holder, last):
        _assign(getattr(holder, last), target, name)


def _assign(value: Any, module: Any, name: str) -> None:
    """Set an attribute with a dotted name; tensors become buffers."""
    *path, last = name.split(".")
    for part in path:
        if not hasattr(module, part):
            setattr(module, part, Module())
        module = getattr(module, part)
    if isinstance(value, Tensor) and not isinstance(value, Parameter):
        module.register_buffer(last, value)
    else:
        setattr(module, last, value)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line.strip() else "" for line in text.split("\n"))


def _shown(frame: traceback.FrameSummary) -> str:
    """The line of generated code that failed, with those around it."""
    number = frame.lineno or 0
    lines = linecache.getlines(frame.filename)
    before = "".join(lines[max(0, number - 2) : number])
    after = "".join(lines[number : number + 2])
    mark = "~" * 35 + " <--- HERE"
    return (
        f"Call using an FX-traced Module, line {number} of the traced Module's generated forward "
        f"function:\n{before}\n{mark}\n{after}"
    )
