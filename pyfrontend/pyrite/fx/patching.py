"""What a tracer puts in place while it runs, and takes away afterwards.

Layer L6. Reads of parameters, calls of modules, and calls of functions that are to stay single
nodes are seen by replacing them for the time of the trace.
"""

from __future__ import annotations

import builtins
import functools
import inspect
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeVar

from pyrite.fx.proxy import Proxy
from pyrite.utils._pytree import tree_iter

__all__ = ["Patches", "wrap", "wrapped_functions"]

_Marked = TypeVar("_Marked", bound=Callable[..., Any] | str)
_ABSENT = object()

# By the id of a module's globals and the name: those globals, marked functions in them.
_WRAPPED: dict[tuple[int, str], dict[str, Any]] = {}


def wrapped_functions() -> dict[tuple[int, str], dict[str, Any]]:
    """All functions marked by `wrap`, by the id of the globals they are in and by name."""
    return _WRAPPED


def wrap(fn_or_name: _Marked) -> _Marked:
    """Mark a module-level function, or its name, as one that traces record as a single call.

    Call it where the function is defined, at the top level of the module, or decorate with it.

    Args:
        fn_or_name: the function, or the name of one that the module calls, such as "len".

    Raises:
        RuntimeError: neither a function nor a name.
        NotImplementedError: called from within a function.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError(
            "Unsupported type for global function! Must be either a callable or string name"
        )
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None, "a call has a caller"
    caller = frame.f_back
    if caller.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    _WRAPPED[id(caller.f_globals), name] = caller.f_globals
    return fn_or_name


def find_proxy(*values: Any) -> Proxy | None:
    """The first proxy in the values."""
    return next((leaf for leaf in tree_iter(values) if isinstance(leaf, Proxy)), None)


def recording(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, but a call with a proxy among its arguments is recorded."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        proxy = find_proxy(args, kwargs)
        if proxy is None:
            return function(*args, **kwargs)
        result = proxy.tracer.create_proxy("call_function", function, args, kwargs)
        result.node.meta["is_wrapped"] = True
        return result

    return call


class Patches:
    """Replaces entries of namespaces and attributes of classes until `undo`."""

    def __init__(self) -> None:
        self._undoing: list[Callable[[], None]] = []
        self._visited: set[int] = set()

    def item(self, namespace: dict[str, Any], name: str, value: Any) -> None:
        """Replace an entry of a namespace."""
        before = namespace.get(name, _ABSENT)
        namespace[name] = value

        def restore() -> None:
            if before is _ABSENT:
                del namespace[name]
            else:
                namespace[name] = before

        self._undoing.append(restore)

    def attribute(self, owner: Any, name: str, value: Any) -> None:
        """Replace an attribute, or hide an inherited one."""
        before = vars(owner).get(name, _ABSENT)
        setattr(owner, name, value)

        def restore() -> None:
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

        self._undoing.append(restore)

    def undo(self) -> None:
        """Put everything back, the latest first."""
        while self._undoing:
            self._undoing.pop()()

    def marked_functions(self) -> None:
        """Replace all functions that `wrap` has marked by recording ones."""
        for (_, name), namespace in list(_WRAPPED.items()):
            function = namespace.get(name, getattr(builtins, name, None))
            if function is not None:
                self.item(namespace, name, recording(function))

    def autowrapped(self, namespace: dict[str, Any], ids: set[int]) -> None:
        """Replace functions of certain modules where a namespace holds them by name."""
        if id(namespace) in self._visited:
            return
        self._visited.add(id(namespace))
        for name, value in list(namespace.items()):
            if not name.startswith("_") and callable(value) and id(value) in ids:
                self.item(namespace, name, recording(value))


def as_variadic(function: Any) -> Callable[..., Any]:
    """The function with parameters by position in place of `*args` and `**kwargs`.

    A caller that passes proxies for `args` and `kwargs` themselves has them bound as they are:
    a proxy cannot be unpacked into arguments.
    """
    code = function.__code__
    flags = code.co_flags & ~(inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    extra = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    changed: CodeType = code.replace(
        co_flags=flags,
        co_argcount=code.co_argcount + code.co_kwonlyargcount + extra,
        co_kwonlyargcount=0,
        co_posonlyargcount=0,
    )
    return FunctionType(
        changed, function.__globals__, function.__name__, None, function.__closure__
    )


def ids_of_functions(modules: Iterable[ModuleType], functions: Iterable[Any]) -> set[int]:
    """The ids of the functions that modules hold, and of further ones."""
    held = (
        value
        for module in modules
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value)
    )
    return {id(value) for value in (*held, *functions)}
