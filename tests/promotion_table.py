"""The pairs of operands whose result dtype is compared with PyTorch's, and how one is tried."""

from __future__ import annotations

from typing import Any

DTYPES = (
    "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 "
    "complex32 complex64 complex128"
).split()
OPS = ["add", "sub", "mul", "div", "floor_divide", "pow", "eq", "maximum", "atan2", "where", "add_"]
KINDS = ["tensor", "zero-dim tensor", "number"]

NUMBERS = {"b": True, "u": 2, "i": 2, "f": 2.5, "c": 2j}


def is_compared(op: str, kind: str, left: str, right: str) -> bool:
    """Whether the pair is compared.

    It is not where PyTorch has no kernel for complex32, and where it takes no number.
    """
    if "complex32" in (left, right) or (left == "float16" and right.startswith("complex")):
        return op not in ("div", "floor_divide", "pow")
    return not (kind == "number" and op in ("maximum", "atan2"))


def operand(package: Any, kind: str, name: str) -> Any:
    """A right operand: a tensor of dtype `name`, or the Python number of its category."""
    if kind == "tensor":
        return package.ones(2, dtype=getattr(package, name))
    if kind == "zero-dim tensor":
        return package.ones((), dtype=getattr(package, name))
    return 2.5 if name == "bfloat16" else NUMBERS[name[0]]


def result(package: Any, op: str, kind: str, left: str, right: str) -> str:
    """The dtype of `op(left, right)`; empty where it raises."""
    a = package.ones(2, dtype=getattr(package, left))
    b = operand(package, kind, right)
    try:
        if op == "where":
            value = package.where(package.tensor([True, False]), a, b)
        elif op.endswith("_"):
            value = getattr(a, op)(b)
        else:
            value = getattr(package, op)(a, b)
    except (RuntimeError, TypeError, NotImplementedError):
        return ""
    return str(value.dtype).rpartition(".")[2]
