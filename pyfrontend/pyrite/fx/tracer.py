"""The symbolic tracer: runs a program once with proxies and gives the graph of what it did.

Layer L6. Modules of the package are single nodes; what users wrote is traced through. Override
`is_leaf_module`, `call_module`, `create_arg` and the like to trace otherwise.

Source: https://docs.pytorch.org/docs/2.13/fx.html#torch.fx.Tracer
"""

from __future__ import annotations

import copy
import inspect
import math
import operator
import warnings
from collections import OrderedDict
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import pyrite
from pyrite._C import Tensor
from pyrite.fx.graph import Graph, PyTreeCodeGen
from pyrite.fx.graph_module import GraphModule
from pyrite.fx.names import is_own
from pyrite.fx.node import Argument, Node, Target, base_types
from pyrite.fx.patching import Patches, as_variadic, find_proxy, ids_of_functions
from pyrite.fx.proxy import ParameterProxy, Proxy, TracerBase
from pyrite.nn import Module, Parameter, Sequential
from pyrite.utils._pytree import tree_flatten, tree_map, tree_unflatten

__all__ = ["PH", "PHBase", "ProxyableClassMeta", "Tracer", "symbolic_trace"]

_VARIADIC = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS


class PHBase:
    """In `concrete_args`, a part of an argument that stays an input."""

    def __repr__(self) -> str:
        return "PH"


PH = PHBase()


class ProxyableClassMeta(type):
    """The metaclass of classes whose constructors may be called, and traced, with proxies."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """An instance; with a proxy among the arguments, the call is recorded."""
        proxy = find_proxy(args, kwargs)
        if proxy is not None:
            return proxy.tracer.create_proxy("call_function", cls, args, kwargs)
        return super().__call__(*args, **kwargs)


def _assert_is_none(value: Any, msg: str) -> None:
    assert value is None, msg


_assert_is_none.__module__ = "pyrite.fx._symbolic_trace"  # as graphs name it


class Tracer(TracerBase):
    """Makes graphs of modules and functions.

    Args:
        autowrap_modules: Python modules whose functions are recorded as calls.
        autowrap_functions: further functions that are.
        param_shapes_constant: shapes of parameters are values while tracing, not nodes.
    """

    def __init__(
        self,
        autowrap_modules: tuple[ModuleType, ...] = (math,),
        autowrap_functions: tuple[Callable[..., Any], ...] = (),
        param_shapes_constant: bool = False,
    ) -> None:
        super().__init__()
        self._autowrap_ids = ids_of_functions(autowrap_modules, autowrap_functions)
        self._autowrap_search = [vars(module) for module in autowrap_modules]
        self.param_shapes_constant = param_shapes_constant
        self.root_module_name = ""
        self.module_stack: OrderedDict[str, tuple[str, type]] = OrderedDict()
        self._constants: dict[int, tuple[str, Tensor]] = {}

    # To be overridden

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Whether calls of a module are single nodes: those of `pyrite.nn` but Sequential."""
        own = m.__module__.startswith("pyrite.nn")
        return own and not isinstance(m, Sequential)

    def call_module(
        self,
        m: Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Called when the program calls a module.

        Args:
            m: the module.
            forward: calls it, which traces through it.
            args: positional arguments of the call.
            kwargs: named arguments of the call.

        Returns:
            The result, by default a proxy for a leaf, else what tracing through it gives.
        """
        name = self.path_of_module(m)
        self.module_stack[name] = (name, type(m))
        try:
            if self.is_leaf_module(m, name):
                return self.create_proxy("call_module", name, args, kwargs)
            return forward(*args, **kwargs)
        finally:
            self.module_stack.popitem()

    def path_of_module(self, mod: Module) -> str:
        """The dotted name of a module below the root.

        Raises:
            NameError: it is not below the root.
        """
        for name, module in self.root.named_modules():
            if module is mod:
                return name
        raise NameError("module is not installed as a submodule")

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """Called when the program reads a parameter, buffer or submodule.

        Args:
            attr: the name it reads.
            attr_val: the value.
            parameter_proxy_cache: proxies made so far, by dotted name.

        Returns:
            The value, or for a parameter its proxy.
        """
        if isinstance(attr_val, Parameter):
            return self._proxy_of(attr_val, self.root.named_parameters(), parameter_proxy_cache)
        if self.proxy_buffer_attributes and isinstance(attr_val, Tensor):
            return self._proxy_of(attr_val, self.root.named_buffers(), parameter_proxy_cache)
        return attr_val

    def _proxy_of(self, value: Tensor, named: Any, cache: dict[str, Any]) -> Any:
        for name, tensor in named:
            if tensor is value:
                if name not in cache:
                    cache[name] = self._read(name, value)
                return cache[name]
        return value

    def _read(self, name: str, value: Tensor) -> Proxy:
        if not self.param_shapes_constant:
            return self.create_proxy("get_attr", name, (), {})
        return self.create_proxy(
            "get_attr",
            name,
            (),
            {},
            proxy_factory_fn=lambda node: ParameterProxy(self, node, name, value),
        )

    def create_node(
        self,
        kind: str,
        target: Target,
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        name: str | None = None,
        type_expr: Any | None = None,
    ) -> Node:
        """Add a node to the graph, and note on it in which modules the program is."""
        node = super().create_node(kind, target, args, kwargs, name, type_expr)
        if self.module_stack:
            node.meta["nn_module_stack"] = copy.copy(self.module_stack)
        return node

    def create_arg(self, a: Any) -> Argument:
        """What stands in a node for a value: tensors become reads of attributes of the root.

        Raises:
            NameError: a parameter that is not below the root.
            NotImplementedError: such a value cannot be an argument.
        """
        if isinstance(a, Parameter):
            return self._read_of(a, self.root.named_parameters(), "parameter")
        if isinstance(a, Tensor):
            for name, buffer in self.root.named_buffers():
                if buffer is a:
                    return self.create_node("get_attr", name, (), {})
            return self._read_constant(a)
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            items = tuple(self.create_arg(item) for item in a)
            return self.create_node("call_function", type(a), items, {})
        return super().create_arg(a)

    def _read_of(self, value: Tensor, named: Any, kind: str) -> Node:
        for name, tensor in named:
            if tensor is value:
                return self.create_node("get_attr", name, (), {})
        raise NameError(f"{kind} is not a member of this module")

    def _read_constant(self, tensor: Tensor) -> Node:
        """A read of a tensor that is no buffer: an attribute of the root, made one if need be."""
        if id(tensor) not in self._constants:
            name = self.get_fresh_qualname("_tensor_constant")
            self._constants[id(tensor)] = (name, tensor)
            setattr(self.root, name, tensor)
        return self.create_node("get_attr", self._constants[id(tensor)][0], (), {})

    def get_fresh_qualname(self, prefix: str) -> str:
        """A name that the root has no attribute with: the prefix and a number."""
        number = 0
        while hasattr(self.root, f"{prefix}{number}"):
            number += 1
        return f"{prefix}{number}"

    # Tracing

    def trace(
        self, root: Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None
    ) -> Graph:
        """The graph of a module's `forward`, or of a function.

        Args:
            root: the module or function.
            concrete_args: values of arguments that are not to be inputs, by name.

        Raises:
            TraceError: the program asks of a proxy what only a value can tell.
        """
        is_module = isinstance(root, Module)
        self.root = root if isinstance(root, Module) else Module()
        function: Any = getattr(type(root), self.traced_func_name) if is_module else root
        if is_module:
            self.root_module_name = self.root._get_name()
        if not isinstance(function, FunctionType):
            raise AssertionError(f"Expected FunctionType, got {type(function)}")
        self.graph = Graph(tracer_cls=type(self))
        self._constants = dict(_tensor_attributes(self.root))
        namespace = function.__globals__
        function, args = self.create_args_for_root(function, is_module, concrete_args)
        patches = Patches()
        try:
            self._patch(patches, namespace)
            result = self.create_arg(function(*args))
        finally:
            patches.undo()
        returns = _annotations(function).get("return")
        self.create_node("output", "output", (result,), {}, type_expr=returns)
        return self.graph

    def _patch(self, patches: Patches, namespace: dict[str, Any]) -> None:
        call, read = Module.__call__, Module.__getattr__
        cache: dict[str, Any] = {}

        def traced_getattr(mod: Module, name: str) -> Any:
            return self.getattr(name, read(mod, name), cache)

        def traced_call(mod: Module, *args: Any, **kwargs: Any) -> Any:
            def forward(*args: Any, **kwargs: Any) -> Any:
                return call(mod, *args, **kwargs)

            globals_of = getattr(getattr(mod, "forward", mod), "__globals__", {})
            patches.autowrapped(globals_of, self._autowrap_ids)
            return self.call_module(mod, forward, args, kwargs)

        patches.attribute(Module, "__getattr__", traced_getattr)
        patches.attribute(Module, "__call__", traced_call)
        patches.marked_functions()
        for searched in (namespace, *self._autowrap_search):
            patches.autowrapped(searched, self._autowrap_ids)

    def create_args_for_root(
        self,
        root_fn: Callable[..., Any],
        is_module: bool,
        concrete_args: dict[str, Any] | tuple[Any, ...] | None = None,
    ) -> tuple[Callable[..., Any], list[Any]]:
        """The inputs of the graph.

        Args:
            root_fn: the function to be traced.
            is_module: whether its first parameter is the root.
            concrete_args: values of arguments that are not to be inputs.

        Returns:
            The function to call, and what to call it with.
        """
        analysed = inspect.unwrap(root_fn)
        code = analysed.__code__
        names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        args: list[Any] = []
        if is_module:
            if not names:
                raise RuntimeError("``self`` argument cannot be part of *args expansion!")
            names = names[1:]
            args.append(self.root)
        if isinstance(concrete_args, tuple):
            if len(names) != len(concrete_args):
                raise RuntimeError(
                    f"Tracing expected {len(names)} arguments but got {len(concrete_args)} "
                    "concrete arguments"
                )
            concrete_args = dict(zip(names, concrete_args, strict=True))
        for name in names:
            args.append(self._placeholder(name, concrete_args or {}, analysed))
        if code.co_kwonlyargcount or code.co_flags & _VARIADIC:
            stars = [
                star
                for flag, star in ((inspect.CO_VARARGS, "*"), (inspect.CO_VARKEYWORDS, "**"))
                if code.co_flags & flag
            ]
            first = code.co_argcount + code.co_kwonlyargcount
            for star, name in zip(stars, code.co_varnames[first:], strict=False):
                args.append(self._placeholder(star + name, concrete_args or {}, analysed))
            root_fn = as_variadic(root_fn)
        trees = args[1:] if is_module else args
        leaves, spec = tree_flatten(trees)
        if all(child.is_leaf() for child in spec.children_specs):
            return root_fn, args
        codegen = PyTreeCodeGen(names, spec, None)
        self.graph.set_codegen(codegen)

        def flat(*values: Any) -> Any:
            given = list(values)
            first = [given.pop(0)] if is_module else []
            result = root_fn(*first, *tree_unflatten(given, spec))
            flattened, codegen.out_spec = tree_flatten(result)
            return flattened

        return flat, [*args[: int(is_module)], *leaves]

    def _placeholder(self, name: str, concrete: dict[str, Any], analysed: Any) -> Any:
        signature = inspect.signature(analysed).parameters
        default: tuple[Any, ...] = ()
        if name in signature and signature[name].default is not inspect.Parameter.empty:
            default = (signature[name].default,)
        if name not in concrete:
            kind = _annotations(analysed).get(name)
            return self.create_proxy("placeholder", name, default, {}, type_expr=kind)
        count = 0

        def specialized(value: Any) -> Any:
            nonlocal count
            count += 1
            proxy = self.create_proxy("placeholder", f"{name}_{count}", default, {})
            return proxy if isinstance(value, PHBase) else self._specialize(name, proxy, value)

        return tree_map(specialized, concrete[name])

    def _specialize(self, name: str, proxy: Proxy, value: Any) -> Any:
        """Record a check that an input has the value with which the program is traced."""
        message = f"{name} has been specialized to have value {value} but got another value"
        if value is None:
            self.create_proxy("call_function", _assert_is_none, (proxy, message), {})
        elif isinstance(value, base_types) and not isinstance(value, Tensor):
            pyrite._assert(operator.eq(proxy, value), message)
        else:
            warnings.warn(
                f"Was not able to add assertion to guarantee correct input {name} to specialized "
                "function. It is up to the user to make sure that your inputs match the inputs "
                "you specialized the function with.",
                stacklevel=2,
            )
        return value

    def __deepcopy__(self, memo: dict[int, Any]) -> Tracer:
        copied = type(self).__new__(type(self))
        for name, value in self.__dict__.items():
            keep = name in ("_autowrap_search", "_autowrap_ids")
            copied.__dict__[name] = copy.copy(value) if keep else copy.deepcopy(value, memo)
        return copied


def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations that a function's graph shows: as written, those of the package evaluated."""
    if not is_own(function):
        return getattr(function, "__annotations__", {})
    try:
        kinds = inspect.get_annotations(function, eval_str=True)
    except NameError:  # a name that is imported for type checkers only
        return {}
    return {name: kind for name, kind in kinds.items() if kind is not Any}


def _tensor_attributes(root: Module) -> Any:
    """Tensors that modules hold as plain attributes: by id, the dotted name and the tensor."""
    for prefix, module in root.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor):
                yield id(value), (f"{prefix}.{name}" if prefix else name, value)


def symbolic_trace(
    root: Module | Callable[..., Any],
    concrete_args: dict[str, Any] | tuple[Any, ...] | None = None,
) -> GraphModule:
    """Trace a module or function, and give a module that does the same from its graph.

    Args:
        root: the module or function.
        concrete_args: values of arguments that are not to be inputs, by name. A part that is `PH`
            stays an input.

    Raises:
        TraceError: the program asks of a traced value what only a real one can tell.
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)  # type: ignore[arg-type]
    name = type(root).__name__ if isinstance(root, Module) else root.__name__
    return GraphModule(tracer.root, graph, name)
