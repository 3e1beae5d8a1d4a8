"""`__torch_function__`: calls that classes besides Tensor take over, and modes that see all calls.

Layer L6. The core asks by itself in ops, operators and indexing; the other methods and attributes
of `Tensor` ask through the forms that `_overridable` puts onto each subclass, so that plain tensors
pay nothing. Modes see what the core asks for: ops, operators and indexing, not attributes.

Source: https://docs.pytorch.org/docs/stable/torch.overrides.html
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from pyrite import _C
from pyrite._C import Tensor
from pyrite._dispatch_keys import DispatchKey, DispatchKeySet
from pyrite._doors import door_class

__all__ = [
    "BaseTorchFunctionMode",
    "TorchFunctionMode",
    "get_overridable_functions",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "overridable",
    "public_module",
    "resolve_name",
    "wrap_torch_function",
]


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether one of the arguments takes over calls, or a mode is active."""
    return _C._has_torch_function(relevant_args)


def has_torch_function_unary(tensor: Any) -> bool:
    """`has_torch_function` of one argument."""
    return _C._has_torch_function((tensor,))


def has_torch_function_variadic(*args: Any) -> bool:
    """`has_torch_function` of all arguments."""
    return _C._has_torch_function(args)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Hand the call `public_api(*args, **kwargs)` to the relevant arguments that ask for it.

    Args:
        public_api: the function that was called.
        relevant_args: asked in order, subclasses before their bases.
        args: positional arguments of the call.
        kwargs: named arguments of the call.

    Raises:
        TypeError: all declined by returning NotImplemented.
    """
    relevant = tuple(relevant_args)
    result = _C._offer(public_api, relevant, args, kwargs)
    if result is not None:
        return result[0]
    name = f"{public_module(public_api)}.{public_api.__name__}".replace("pyrite", "torch", 1)
    kinds = [type(value) for value in _C._overriding(relevant)]
    raise TypeError(
        f"no implementation found for '{name}' on types that implement __torch_function__: {kinds}"
    )


def wrap_torch_function(
    dispatcher: Callable[..., Iterable[Any]],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function so that its calls can be taken over.

    Args:
        dispatcher: gives the relevant arguments of a call, from the same arguments.
    """

    def decorate(func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def call(*args: Any, **kwargs: Any) -> Any:
            relevant = tuple(dispatcher(*args, **kwargs))
            if has_torch_function(relevant):
                return handle_torch_function(call, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return call

    return decorate


_P = ParamSpec("_P")
_R = TypeVar("_R")


def overridable(func: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let calls of a Python function be taken over, as those of native ones are.

    Who takes over is given every argument: those without default by position, the others by name.
    """

    @functools.wraps(func)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        if _C._has_torch_function((*args, *kwargs.values()) if kwargs else args):
            result: _R = _hand_over(call, args, kwargs)
            return result
        return func(*args, **kwargs)

    return call


def _hand_over(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    bound = inspect.signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    by_position: list[Any] = []
    by_name: dict[str, Any] = {}
    for name, parameter in bound.signature.parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            by_position += bound.arguments[name]
        elif parameter.default is parameter.empty:
            by_position.append(bound.arguments[name])
        else:
            by_name[name] = bound.arguments[name]
    relevant = (*args, *kwargs.values())
    return handle_torch_function(func, relevant, *by_position, **by_name)


# Native functions that PyTorch keeps in groups below its `_C`; Pyrite's `_C` holds all of them.
_GROUPS = {"fft": "pyrite._C._fft", "linalg": "pyrite._C._linalg", "special": "pyrite._C._special"}
_NN_GROUP = frozenset(
    "avg_pool2d avg_pool3d elu_ gelu hardtanh_ leaky_relu_ linear log_sigmoid one_hot "
    "scaled_dot_product_attention softplus softshrink".split()
)
for _group in ("_fft", "_linalg", "_nn", "_special"):
    setattr(_C, _group, _C)


def _log_api_usage_once(event: str) -> None:
    """Counts the uses of a name, for whoever runs PyTorch in a data centre: nobody does here."""


def _get_tracing_state() -> None:
    """What the TorchScript tracer records now: nothing, there is none."""


def _are_functorch_transforms_active() -> bool:
    """Whether tensors may be wrapped by `func`: never, its transforms work on ordinary ones."""
    return False


for _native in (
    _log_api_usage_once,
    _get_tracing_state,
    _are_functorch_transforms_active,
    DispatchKey,
    DispatchKeySet,
):
    setattr(_C, _native.__name__, _native)
for _name in ("Block", "Graph", "Value"):  # parts of TorchScript programs, named in annotations
    setattr(_C, _name, door_class(f"_C.{_name}", "TorchScript compiler"))


def public_module(func: Any) -> str:
    """The dotted name of the module in which PyTorch has a function, below `pyrite`."""
    module, name = getattr(func, "__module__", None) or "pyrite", func.__name__
    if isinstance(func, types.BuiltinFunctionType) and module in ("pyrite", "pyrite._C"):
        group = _GROUPS.get(name.partition("_")[0]) if "_" in name.strip("_") else None
        return group or ("pyrite._C._nn" if name in _NN_GROUP else "pyrite")
    while module.count(".") > 1 and module.startswith("pyrite."):
        above = module.rpartition(".")[0]
        if getattr(sys.modules.get(above), name, None) is not func:
            break
        module = above
    return module


def is_tensor_like(inp: object) -> bool:
    """Whether it is a tensor or of a class with `__torch_function__`."""
    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether `func` is a method of Tensor, or the getter or setter of an attribute."""
    return func in _tensor_names() or func.__name__ == "__get__"


def resolve_name(f: Any) -> str | None:
    """The dotted name of an overridable function; None for others."""
    if isinstance(f, types.MethodWrapperType):  # the getter or setter of an attribute
        name = _tensor_names().get(f.__self__)
        return name and f"{name}.{f.__name__}"
    return _tensor_names().get(f) or _function_names().get(f)


def get_overridable_functions() -> dict[Any, list[Callable[..., Any]]]:
    """Everything whose calls can be taken over, by the module or class it belongs to."""
    from pyrite.nn import functional

    package = __import__("pyrite")
    natives = [f for f in _function_names() if isinstance(f, types.BuiltinFunctionType)]
    return {package: natives, functional: natives, Tensor: list(_tensor_names())}


@functools.cache
def _tensor_names() -> dict[Any, str]:
    return {
        value: f"torch.Tensor.{name}"
        for name, value in vars(Tensor).items()
        if name in _wrapped_names() or name in _C._op_methods()
    }


@functools.cache
def _function_names() -> dict[Any, str]:
    package = __import__("pyrite")
    return {
        value: f"torch.{name}"
        for name, value in vars(package).items()
        if isinstance(value, types.BuiltinFunctionType) and not name.startswith("_")
    }


class TorchFunctionMode:
    """Sees every op, operator and index while it is entered, through `__torch_function__`."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Take over a call; to be defined by a subclass."""
        raise NotImplementedError

    def __enter__(self) -> TorchFunctionMode:
        _C._push_torch_function_mode(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        _C._pop_torch_function_mode()


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that carries every call out."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Carry the call out."""
        return func(*args, **(kwargs or {}))


# What comes back as it is: the tensors that others refer to keep their class.
_NOT_WRAPPED = {"grad", "_base", "_grad"}


def _torch_function(
    cls: type, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
) -> Any:
    """Carry a call out on plain tensors and give results the subclass `cls`.

    Returns:
        NotImplemented if a class among `types` is no base of `cls`.
    """
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    with _C.DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
    attribute = getattr(func, "__self__", None)
    if getattr(attribute, "__name__", None) in _NOT_WRAPPED:
        return result
    return _convert(result, cls)


def _convert(result: Any, cls: type) -> Any:
    if cls is Tensor:
        return result
    if isinstance(result, Tensor) and not isinstance(result, cls):
        return result.as_subclass(cls)
    if isinstance(result, tuple | list):
        return type(result)(_convert(item, cls) for item in result)
    return result


# Special methods that ask; `__hash__`, `__reduce_ex__` and the like never do.
_SPECIAL = frozenset(
    "__len__ __bool__ __int__ __float__ __complex__ __index__ __contains__ __reversed__ __format__ "
    "__repr__ __deepcopy__ __array__".split()
)
# They make tensors of a class, or tell of one.
_PLAIN_METHODS = frozenset({"as_subclass"})


@functools.cache
def _wrapped_names() -> frozenset[str]:
    """Attributes of Tensor that ask only on subclasses."""
    public = {name for name in vars(Tensor) if not name.startswith("_")}
    return frozenset((public - set(_C._op_methods()) - _PLAIN_METHODS) | _SPECIAL)


def _asking_method(native: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(native, assigned=("__name__", "__qualname__", "__doc__"), updated=())
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        relevant = (self, *args)
        if _C._has_torch_function(relevant):
            return handle_torch_function(native, relevant, self, *args, **kwargs)
        return native(self, *args, **kwargs)

    return method


def _asking_property(native: Any) -> property:
    def get(self: Tensor) -> Any:
        if _C._has_torch_function((self,)):
            return handle_torch_function(native.__get__, (self,), self)
        return native.__get__(self)

    def put(self: Tensor, value: Any) -> None:
        if _C._has_torch_function((self, value)):
            handle_torch_function(native.__set__, (self, value), self, value)
        else:
            native.__set__(self, value)

    return property(get, put)


@functools.cache
def _asking_forms() -> dict[str, tuple[Any, Any]]:
    """By name: the attribute of Tensor, and its form that asks."""
    forms = {}
    for name in _wrapped_names():
        native = vars(Tensor).get(name)
        if native is not None:
            ask = _asking_property if hasattr(native, "__set__") else _asking_method
            forms[name] = (native, ask(native))
    return forms


def _overridable(cls: Any) -> None:
    """Give a new subclass of Tensor the forms that ask, where it inherits Tensor's own."""
    if getattr(cls, "__torch_function__", None) is _C._disabled_torch_function_impl:
        return
    for name, (native, form) in _asking_forms().items():
        found = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
        if found is native:
            setattr(cls, name, form)


_CLASS_METHODS: dict[str, Any] = {
    "__init_subclass__": _overridable,
    "__torch_function__": _torch_function,
}

for _key, _method in _CLASS_METHODS.items():
    setattr(Tensor, _key, classmethod(_method))
