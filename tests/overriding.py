"""Classes that override calls by `__torch_function__`, and what expressions with them give.

Used by test_overrides.py and by the script that records PyTorch's outcomes.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any, ClassVar


def names(package: Any) -> dict[str, Any]:
    """The classes for one package, and values of them."""

    class T(package.Tensor):
        pass

    class U(T):
        pass

    class Log(package.Tensor):
        calls: ClassVar[list[str]] = []

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            cls.calls.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs or {})

    class Duck:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            kinds = [kind.__name__ for kind in types if kind is not package.Tensor]
            return f"{func.__name__} of {len(args)} by {kinds}"

    class Shy:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return NotImplemented

    class Own(package.Tensor):
        def size(self):
            return "own"

        @property
        def shape(self):
            return "own shape"

        def exp(self):
            return super().exp()

    def logged(run):
        """The names of the calls that `run` made on a Log."""
        value = package.arange(3.0).as_subclass(Log)
        Log.calls.clear()
        run(value)
        return list(Log.calls)

    def seq(n):
        return package.arange(float(n))

    plain = package._C.DisableTorchFunctionSubclass

    def without(run):
        with plain():
            return run()

    values = {"x": seq(3), "t": seq(3).as_subclass(T), "u": seq(3).as_subclass(U), "d": Duck()}
    classes = {"T": T, "U": U, "Log": Log, "Own": Own, "Duck": Duck}
    helpers = {"logged": logged, "seq": seq, "without": without, "copy": copy, "pickle": pickle}
    modules = {"P": package, "F": package.nn.functional, "nn": package.nn, "O": package.overrides}
    return {**values, **classes, **helpers, **modules, "s": Shy()}


def outcome(expression: str, package: Any) -> str:
    """The value as text, tensors by class and values; or the exception."""
    try:
        return text(eval(expression, names(package)), package)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


def text(value: Any, package: Any) -> str:
    """Classes by bare name, containers by items."""
    if isinstance(value, package.Tensor):
        return f"{type(value).__name__}{rounded(package.Tensor.tolist(value.detach()))}"
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, tuple | list):
        items = ", ".join(text(item, package) for item in value)
        return f"{type(value).__name__}({items})"
    return repr(value)


def rounded(value: Any) -> Any:
    """Nested lists of numbers to five places."""
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value
