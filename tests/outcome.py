"""What an expression gives, in a form that JSON keeps: a value, or an exception with its text.

Used by the tests that compare with recorded outcomes and by the script that records them.
"""

from __future__ import annotations

import cmath
import math
from functools import partial
from typing import Any

import numpy


def outcome(expression: str, package: Any, known: dict[str, Any] | None = None) -> dict[str, Any]:
    """Evaluates `expression`, in which `torch` is `package`, with more names, from seed 0."""
    package.manual_seed(0)
    names = {"torch": package, "T": package.tensor, "D": package.distributions, "math": math}
    names["assert_close"] = package.testing.assert_close
    names["numpy"] = numpy
    names |= {"edges": edges, "F": package.nn.functional}
    names["X"], names["Y"] = package.ones(3, 4), package.ones(4, 3)
    names["B"] = names["X"].bfloat16()
    names["mixed"] = lambda work, dtype=None: package.autocast("cpu", dtype=dtype)(work)()
    names["leaf"] = lambda: package.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    names["chain"] = lambda op: chain(op(names["leaf"]()))
    names["grad"] = partial(gradient, package)
    names |= known or {}
    try:
        return {"value": plain(eval(expression, names))}
    except Exception as error:
        return {"error": _kind(error, package).__name__, "text": _as_torch(str(error))}


def _kind(error: Exception, package: Any) -> type:
    """PyTorch's class of an exception, for which a class of our own may stand."""
    own = [getattr(package, name, None) for name in ("ShapeError", "DTypeError", "DeviceError")]
    return type(error).__base__ if type(error) in own else type(error)


def edges(tensor: Any) -> list[str]:
    """The node of a tensor and those its edges lead to, by class."""
    node = tensor.grad_fn
    return [type(each).__name__ for each in (node, *(to for to, _ in node.next_functions))]


def gradient(package: Any, op: Any, values: Any, seed: Any = None) -> Any:
    """The gradient of `op` at `values`, of ones without a seed."""
    x = package.tensor(values, requires_grad=True)
    y = op(x)
    return package.autograd.grad(y, x, package.ones_like(y) if seed is None else seed)[0]


def chain(result: Any) -> str:
    """The node of a result and those it leads to."""
    node = result.grad_fn
    after = [type(edge).__name__ for edge, _ in node.next_functions if edge is not None]
    return f"{type(node).__name__}({', '.join(after)})"


def plain(value: Any) -> Any:
    """Tensors as dtype and lists, infinities and NaN as text, other objects as their repr."""
    if hasattr(value, "tolist"):
        return [str(value.dtype).rpartition(".")[2], plain(value.tolist())]
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _as_torch(value)
    return value if value is None or isinstance(value, int) else _as_torch(repr(value))


def _as_torch(text: str) -> str:
    return text.replace("pyrite.", "torch.")


def close(left: Any, right: Any, tolerance: float = 1e-6) -> bool:
    """Whether two plain values agree, floats within a relative tolerance."""
    if isinstance(left, list) and isinstance(right, list):
        pairs = zip(left, right, strict=False)
        return len(left) == len(right) and all(close(*pair, tolerance) for pair in pairs)
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=tolerance, abs_tol=tolerance)
    if isinstance(left, str) and isinstance(right, str) and left.strip("()")[-1:] == "j":
        pair = _number(left), _number(right)
        return None not in pair and cmath.isclose(*pair, rel_tol=tolerance, abs_tol=tolerance)
    return bool(left == right)


def _number(text: str) -> complex | None:
    """The complex number a text stands for."""
    try:
        return complex(text)
    except ValueError:
        return None
