"""The class of sparse tensors, and how calls of PyTorch's functions reach them.

Layer L6 over `_C`. The core knows arrays only: to it a sparse tensor is a *husk*, one unset element
seen under the whole shape, which tells shape, dtype and device and nothing else. The elements are
ordinary tensors that the Python object holds: indices and `values`. Every call with a sparse tensor
arrives in `__torch_function__` and is carried out by the function that a sibling file registered
under its name with `handles`; a call without one raises. The husk's element is NaN where the dtype
has one, so that a way around this would not go unnoticed.

Invariants: history hangs on `values` alone, so gradients of sparse tensors are those of their
values; indices need no gradient and are never written.

Source: https://docs.pytorch.org/docs/stable/sparse.html
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, TypeVar

from pyrite import _C
from pyrite._C import Tensor
from pyrite.autograd.grad_mode import inference_mode

__all__ = ["SparseTensor", "handles", "node_name", "unsupported"]

_F = TypeVar("_F", bound=Callable[..., Any])

_HANDLERS: dict[str, Callable[..., Any]] = {}

# What the husk answers rightly, without a detour through Python.
_ANSWERED_BY_HUSK = (
    "shape size dim ndim ndimension dtype device is_cuda is_meta numel nelement element_size "
    "itemsize is_floating_point is_complex get_device is_quantized is_cpu is_mps is_same_size "
    "storage_offset is_inference is_signed __len__ as_subclass name names is_nested"
).split()


_NEVER_SPARSE = ("out", "alpha", "beta", "value")


def handles(*names: str) -> Callable[[_F], _F]:
    """Register a function for calls of these names with a sparse tensor among the arguments."""

    def register(function: _F) -> _F:
        for name in names:
            _HANDLERS[name] = function
        return function

    return register


def unsupported(name: str, kind: str, hint: str = "") -> NoReturn:
    """Raise PyTorch's refusal of an op that a layout has no meaning for.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        f"Could not run 'aten::{name}' with arguments from the '{kind}' backend.\n"
        f"  {name}: not available for sparse tensors; {hint or 'use .to_dense() first'}"
    )


@functools.cache
def _unset(dtype: _C.dtype, kind: str, index: int | None) -> Tensor:
    """The one element of all husks of a dtype on a device."""
    value = float("nan") if dtype.is_floating_point or dtype.is_complex else 0
    with inference_mode(False):
        return _C.full((), value, dtype=dtype, device=_C.device(kind, index))


@functools.cache
def _attributes() -> dict[int, str]:
    """The names of Tensor's attributes: not all of them know their own."""
    return {id(value): name for name, value in vars(Tensor).items() if isinstance(value, property)}


def _name_of(func: Any) -> str:
    """The name of a function or method, or of the attribute whose getter or setter it is."""
    if func.__name__ in ("__get__", "__set__"):
        attribute = func.__self__
        name = _attributes().get(id(attribute)) or attribute.__name__
        return f"{name}.{func.__name__}"
    return str(func.__name__)


def node_name(op: str) -> str:
    """What PyTorch calls the node that an op records: `MulBackward0`."""
    return "".join(part.capitalize() for part in op.strip("_").split("_")) + "Backward0"


class SparseTensor(Tensor):
    """Base of the sparse layouts.

    Attributes:
        kind: how PyTorch's messages call the layout, `Sparse` or `SparseCsr`.
    """

    kind: ClassVar[str]
    _value: Tensor
    _node: str | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in _ANSWERED_BY_HUSK:
            found = vars(Tensor).get(name)
            if found is not None:
                setattr(cls, name, found)

    @classmethod
    def _husk(cls, shape: Any, values: Tensor) -> Any:
        """A new object of this class, without elements yet."""
        place = values.device
        element = _unset(values.dtype, place.type, place.index)
        made = Tensor._make_subclass(cls, element.expand(tuple(shape)))
        _C._set_sparse(made)
        return made

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Carry out a call by the function registered for its name."""
        if not all(issubclass(kind, SparseTensor) for kind in types):
            return NotImplemented
        name = _name_of(func)
        handler = _HANDLERS.get(name)
        named = [value for key, value in (kwargs or {}).items() if key not in _NEVER_SPARSE]
        operand = _first_sparse((args, named))
        if handler is None or operand is None:
            unsupported(name.partition(".")[0], _backend(operand))
        result = handler(*args, **(kwargs or {}))
        if isinstance(result, SparseTensor) and result._node is None:
            result._node = node_name(name)
        return result

    def with_values(self, values: Tensor) -> Any:
        """The same pattern with other values, `(nnz, *dense sizes)`."""
        raise NotImplementedError

    def to_coo(self) -> Any:
        """The same elements by coordinates."""
        raise NotImplementedError

    def from_coo(self, coo: Any) -> Any:
        """`coo` in this tensor's layout."""
        raise NotImplementedError

    def become(self, other: Any) -> Any:
        """Take over shape and elements of a tensor of the same layout, in place."""
        raise NotImplementedError

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to or through its values."""
        return self._value.requires_grad

    @requires_grad.setter
    def requires_grad(self, on: bool) -> None:
        self._value.requires_grad = on

    @property
    def is_leaf(self) -> bool:
        """Whether it is not the result of a recorded op."""
        return self._value.is_leaf

    @property
    def grad_fn(self) -> Any:
        """The node that produced its values."""
        return self._value.grad_fn

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self, *, tensor_contents: object = None) -> str:
        from pyrite.sparse.text import sparse_repr

        return sparse_repr(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        from pyrite.sparse.pickling import take_apart

        return take_apart(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        from pyrite.sparse.pickling import deepcopy

        return deepcopy(self, memo)


def _first_sparse(values: Any) -> SparseTensor | None:
    """The first sparse tensor among values and the items of lists."""
    for value in values:
        if isinstance(value, SparseTensor):
            return value
        if isinstance(value, list | tuple):
            found = _first_sparse(value)
            if found is not None:
                return found
    return None


def _backend(operand: SparseTensor | None) -> str:
    return "Sparse" if operand is None else f"{operand.kind}{operand.device.type.upper()}"
