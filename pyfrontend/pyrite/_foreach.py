"""`_foreach_*`: one op on every tensor of a list, with and without a trailing `_` (in place).

PyTorch's optimizers outside of `torch.optim` are written with them. An operand is a list as long
as the first, or one number or 0-d tensor for all. Each tensor takes one call of the op of that
name; the package's own optimizers use the fused natives instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

from pyrite import _C
from pyrite._C import Tensor

__all__: list[str] = []

_Results = tuple[Tensor, ...] | list[Tensor]

_UNARY = """abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p
log2 neg reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc""".split()
_WITH_OPERANDS = {name: name for name in "add sub mul div clamp_min clamp_max lerp".split()}
_WITH_OPERANDS |= {"maximum": "clamp_min", "minimum": "clamp_max"}  # which take numbers, too
_SCALED = ["addcmul", "addcdiv"]
_OPERAND_NAMES = ("tensors1", "other", "scalar", "scalars", "weight", "weights", "src")


def _column(tensors: Sequence[Tensor], operand: Any) -> Iterable[Any]:
    """The operand of each tensor.

    Raises:
        RuntimeError: a list of another length, or a tensor of several elements.
    """
    if not isinstance(operand, list | tuple):
        if isinstance(operand, Tensor) and operand.dim():
            raise RuntimeError(
                f"scalar tensor expected to be 0 dim but it has {operand.dim()} dimensions and "
                f"{operand.numel()} elements."
            )
        return repeat(operand, len(tensors))
    if len(operand) != len(tensors):
        if operand and not isinstance(operand[0], Tensor):
            raise RuntimeError("Tensor list must have same number of elements as scalar list.")
        raise RuntimeError(
            "Tensor lists must have the same number of tensors, "
            f"got {len(tensors)} and {len(operand)}"
        )
    return operand


def _each(method: str, tensors: Sequence[Tensor], *operands: Any, **options: Any) -> _Results:
    """One call a tensor: options that are lists go with the tensors, too."""
    if not tensors:
        raise RuntimeError("Tensor list must have at least one tensor.")
    columns = [_column(tensors, operand) for operand in operands]
    named = [_column(tensors, option) for option in options.values()]
    results = []
    for tensor, *row in zip(tensors, *columns, *named, strict=True):
        keywords = dict(zip(options, row[len(columns) :], strict=True))
        results.append(getattr(tensor, method)(*row[: len(columns)], **keywords))
    return results if method.endswith("_") else tuple(results)


def _unary(method: str) -> Callable[..., _Results]:
    def foreach(self: Sequence[Tensor]) -> _Results:
        return _each(method, self)

    return foreach


def _with_operands(method: str) -> Callable[..., _Results]:
    def foreach(self: Sequence[Tensor], *operands: Any, **options: Any) -> _Results:
        named = [options.pop(name) for name in _OPERAND_NAMES if name in options]
        return _each(method, self, *operands, *named, **options)

    return foreach


def _scaled(method: str) -> Callable[..., _Results]:
    def foreach(
        self: Sequence[Tensor],
        tensor1: Sequence[Tensor],
        tensor2: Sequence[Tensor],
        scalars: Any = 1,
        *,
        value: Any = None,
    ) -> _Results:
        value = scalars if value is None else value
        if isinstance(value, Tensor):
            if value.shape != (len(self),):
                raise RuntimeError(
                    f"Expected length of scalars to match input of length {len(self)} but got "
                    f"{value.numel()} instead."
                )
            value = value.tolist()
        return _each(method, self, tensor1, tensor2, value=value)

    return foreach


def _pow(self: Any, exponent: Any) -> _Results:
    if isinstance(self, int | float):
        return tuple(_each("__rpow__", exponent, self))
    return _each("pow", self, exponent)


def _norm(self: Sequence[Tensor], ord: Any = 2, dtype: Any = None) -> _Results:
    return tuple(_C.linalg_vector_norm(tensor, ord, dtype=dtype) for tensor in self)


def _publish(name: str, function: Callable[..., _Results]) -> None:
    function.__name__ = function.__qualname__ = f"_foreach_{name}"
    function.__doc__ = f"`{name}` of each tensor, as PyTorch's `torch._foreach_{name}`."
    globals()[function.__name__] = function
    __all__.append(function.__name__)


for _suffix in ("", "_"):
    for _name in _UNARY:
        _publish(_name + _suffix, _unary(_name + _suffix))
    for _name, _method in _WITH_OPERANDS.items():
        _publish(_name + _suffix, _with_operands(_method + _suffix))
    for _name in _SCALED:
        _publish(_name + _suffix, _scaled(_name + _suffix))
for _name in ("zero_", "clone", "max"):
    _publish(_name, _unary(_name))
for _name in ("copy_", "pow_"):
    _publish(_name, _with_operands(_name))
_publish("pow", _pow)
_publish("norm", _norm)
