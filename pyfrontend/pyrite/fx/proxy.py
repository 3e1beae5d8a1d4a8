"""Proxies: values that stand for nodes, and record what is done with them.

Layer L6. Operators and methods of a proxy, and through `__torch_function__` every function of
Pyrite that gets one, add a node to the graph of its tracer. What Python must know at once, such as
the truth of a condition, a proxy cannot tell.

Source: https://docs.pytorch.org/docs/2.13/fx.html
"""

from __future__ import annotations

import copy
import dataclasses
import dis
import inspect
import operator
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

import pyrite
from pyrite._C import Tensor
from pyrite._frames import user_frames
from pyrite.fx.immutable_collections import immutable_dict
from pyrite.fx.node import Argument, Node, Target, base_types, map_aggregate
from pyrite.overrides import is_tensor_method_or_property

if TYPE_CHECKING:
    from pyrite.fx.graph import Graph

__all__ = [
    "Attribute",
    "GraphAppendingTracer",
    "ParameterProxy",
    "Proxy",
    "TraceError",
    "TracerBase",
]


class TraceError(ValueError):
    """The program asks of a traced value what only a real one can tell."""


class TracerBase:
    """What proxies need of a tracer: it makes nodes in a graph, and arguments of what they get.

    Attributes:
        graph: where nodes go.
        record_stack_traces: note on each node where the program did the step.
        trace_asserts: record `assert` on proxies as calls of `torch._assert`.
        proxy_buffer_attributes: reading a buffer gives a proxy.
        proxyable_classes: classes whose constructors are recorded.
    """

    graph: Graph
    record_stack_traces: bool = False
    check_mutable_operations: bool = False
    trace_asserts: bool = False
    proxy_buffer_attributes: bool = False
    traced_func_name: str = "forward"

    def create_node(
        self,
        kind: str,
        target: Target,
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        name: str | None = None,
        type_expr: Any | None = None,
    ) -> Node:
        """Add a node to the graph; see `Graph.create_node`."""
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node: Node) -> Proxy:
        """The proxy of a node."""
        return Proxy(node, self)

    def create_proxy(
        self,
        kind: str,
        target: Target,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: str | None = None,
        type_expr: Any | None = None,
        proxy_factory_fn: Callable[[Node], Proxy] | None = None,
    ) -> Proxy:
        """Add a node and give its proxy.

        Args:
            kind: the operation.
            target: what it calls or names.
            args: positional arguments, with proxies.
            kwargs: named arguments, with proxies.
            name: the name of its value.
            type_expr: the annotation of its value.
            proxy_factory_fn: makes the proxy.
        """
        node_args, node_kwargs = self.create_arg(args), self.create_arg(kwargs)
        node = self.create_node(kind, target, node_args, node_kwargs, name, type_expr)
        proxy = proxy_factory_fn(node) if proxy_factory_fn else self.proxy(node)
        if self.record_stack_traces and not proxy.node.stack_trace:
            frames = traceback.extract_stack(self._find_user_frame())
            proxy.node.stack_trace = "".join(traceback.StackSummary.from_list(frames).format())
        return proxy

    def _find_user_frame(self) -> FrameType | None:
        """The innermost frame outside the package."""
        return next(user_frames(), None)

    def create_arg(self, a: Any) -> Argument:
        """What stands in a node for a value that the program passes.

        Raises:
            NotImplementedError: such a value cannot be an argument.
            RuntimeError: a dictionary has a proxy among its keys.
        """
        if isinstance(a, Proxy):
            return a.node
        if hasattr(a, "__fx_create_arg__"):
            return a.__fx_create_arg__(self)
        if isinstance(a, tuple):
            items = [self.create_arg(item) for item in a]
            return type(a)(*items) if hasattr(a, "_fields") else tuple(items)
        if isinstance(a, list):
            return [self.create_arg(item) for item in a]
        if isinstance(a, dict):
            return self._create_dict_arg(a)
        if isinstance(a, slice):
            return slice(*(self.create_arg(part) for part in (a.start, a.stop, a.step)))
        if isinstance(a, range):
            return range(*(self.create_arg(part) for part in (a.start, a.stop, a.step)))
        if dataclasses.is_dataclass(a) and not isinstance(a, type):
            fields = {f.name: self.create_arg(getattr(a, f.name)) for f in dataclasses.fields(a)}
            return self.create_node("call_function", type(a), (), fields)
        if isinstance(a, base_types) or a is None or a is ...:
            return a
        raise NotImplementedError(f"argument of type: {type(a)}")

    def _create_dict_arg(self, a: dict[Any, Any]) -> immutable_dict:
        result = {}
        for key, value in a.items():
            made = self.create_arg(key)
            if isinstance(made, Node):
                raise RuntimeError(
                    "Keys for dictionaries used as an argument cannot contain a Node. "
                    f"Got key: {key.node}"
                )
            result[made] = self.create_arg(value)
        return immutable_dict(result)

    def to_bool(self, obj: Proxy) -> bool:
        """Called where the truth of a proxy is asked for.

        Raises:
            TraceError: always; a subclass may know better.
        """
        raise TraceError(
            "symbolically traced variables cannot be used as inputs to control flow"
            f"\n  the program asks whether {obj} is true; a graph goes one way for all inputs"
        )

    def iter(self, obj: Proxy) -> Iterator[Any]:
        """Called where a proxy is iterated over, other than to unpack it.

        Raises:
            TraceError: always; a subclass may know better.
        """
        raise TraceError(
            "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a "
            "loop or as a *args or **kwargs function argument. See the torch.fx docs on "
            "pytorch.org for a more detailed explanation of what types of control flow can be "
            "traced, and check out the Proxy docstring for help troubleshooting Proxy iteration "
            "errors"
        )

    def keys(self, obj: Proxy) -> Any:
        """Called for the keys of a proxy; their number is not known."""
        return Attribute(obj, "keys")()


class GraphAppendingTracer(TracerBase):
    """A tracer that adds nodes to a graph that exists, at its place of insertion.

    Args:
        graph: the graph.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph


class Proxy:
    """Stands for the value of a node while a program is traced.

    Args:
        node: the node.
        tracer: what makes nodes; by default one that adds them to the node's graph.
    """

    def __init__(self, node: Node, tracer: TracerBase | None = None) -> None:
        self.node = node
        self.tracer = tracer or GraphAppendingTracer(node.graph)

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    def __getattr__(self, k: str) -> Any:
        return Attribute(self, k)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state

    def __deepcopy__(self, memo: dict[int, Any]) -> Proxy:
        copied = Proxy.__new__(Proxy)
        copied.__dict__ = {key: copy.deepcopy(value, memo) for key, value in self.__dict__.items()}
        return copied

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Record a call of the value."""
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Iterator[Any]:
        frame = inspect.currentframe()
        assert frame is not None and frame.f_back is not None, "a call has a caller"
        count = _unpacked_into(frame.f_back)
        return self.tracer.iter(self) if count is None else (self[i] for i in range(count))

    def __abs__(self) -> Any:
        return self.tracer.create_proxy("call_function", operator.abs, (self,), {})

    def __bool__(self) -> bool:
        if self.tracer.trace_asserts:
            frame = inspect.currentframe()
            assert frame is not None and frame.f_back is not None, "a call has a caller"
            if _is_asserted(frame.f_back):
                self.tracer.create_proxy("call_function", pyrite._assert, (self, ""), {})
                return True
        return self.tracer.to_bool(self)

    def __len__(self) -> int:
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be "
            "recorded, please call torch.fx.wrap('len') at module scope"
        )

    def keys(self) -> Any:
        """The keys of the value, as another traced value."""
        return self.tracer.keys(self)

    # Operators are added below: compared elementwise, hashed by identity.
    __hash__ = object.__hash__
    if TYPE_CHECKING:

        def __getitem__(self, index: Any) -> Any: ...

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Record a call of a function or method of Pyrite."""
        kwargs = kwargs or {}
        tracers: dict[TracerBase, None] = {}

        def note(value: Any) -> Any:
            if isinstance(value, cls):
                tracers.setdefault(value.tracer)
            return value

        map_aggregate((args, kwargs), note)
        if len(tracers) > 1:
            raise RuntimeError(
                f"Found multiple different tracers {list(tracers)} while trying to trace operations"
                f" {func}"
            )
        tracer = next(iter(tracers))
        if is_tensor_method_or_property(func):
            return tracer.create_proxy("call_method", func.__name__, args, kwargs)
        return tracer.create_proxy("call_function", func, args, kwargs)


def _unpacked_into(frame: FrameType) -> int | None:
    """How many values the caller unpacks its operand into, if that is what it does."""
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset == frame.f_lasti:
            return instruction.argval if instruction.opname == "UNPACK_SEQUENCE" else None
    return None


def _is_asserted(frame: FrameType) -> bool:
    """Whether the caller asks for a truth in order to raise an AssertionError."""
    following = [i for i in dis.get_instructions(frame.f_code) if i.offset > frame.f_lasti]
    return bool(following) and following[0].opname == "LOAD_ASSERTION_ERROR"


class Attribute(Proxy):
    """An attribute of a proxy: a node of its own only if it is used and not called as a method."""

    def __init__(self, root: Proxy, attr: str) -> None:
        self.root = root
        self.attr = attr
        self.tracer = root.tracer
        self._node: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        """The node that reads the attribute."""
        if self._node is None:
            args = (self.root, self.attr)
            self._node = self.tracer.create_proxy("call_function", getattr, args, {}).node
        return self._node

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Record a call of the method."""
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


class ParameterProxy(Proxy):
    """A proxy of a parameter, whose shape is known while tracing."""

    def __init__(self, tracer: TracerBase, node: Node, name: str, param: Tensor) -> None:
        super().__init__(node, tracer)
        self.param = param
        self.name = name

    def __repr__(self) -> str:
        return f"ParameterProxy({self.name})"

    @property
    def shape(self) -> Any:
        """The parameter's shape."""
        return self.param.shape

    def size(self, *args: Any) -> Any:
        """The parameter's shape, or one of its sizes."""
        return self.param.size(*args)

    def dim(self) -> int:
        """The number of dimensions."""
        return self.param.dim()

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.param.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self.param.numel()

    def nelement(self) -> int:
        """The number of elements."""
        return self.param.nelement()


_UNARY = "pos neg invert"
_COMPARISONS = "eq ne lt gt le ge getitem"
_REFLECTABLE = "add sub mul floordiv truediv mod pow lshift rshift and_ or_ xor matmul"


def _recording(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Proxy, *args: Any) -> Any:
        return self.tracer.create_proxy("call_function", function, (self, *args), {})

    return method


def _recording_reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Proxy, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", function, (other, self), {})

    return method


def _add_operator(name: str, method: Callable[..., Any]) -> None:
    method.__name__ = name
    method.__qualname__ = f"Proxy.{name}"
    setattr(Proxy, name, method)


for _name in f"{_UNARY} {_COMPARISONS} {_REFLECTABLE}".split():
    _add_operator(f"__{_name.strip('_')}__", _recording(getattr(operator, _name)))
for _name in _REFLECTABLE.split():
    _add_operator(f"__r{_name.strip('_')}__", _recording_reflected(getattr(operator, _name)))
