"""New tensors made after a sparse one, and questions about it that functions ask.

Layer L6 over `_C`.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite._layouts import sparse_coo
from pyrite._sparse_methods import _OWNERS

from .construct import sparse_coo_tensor
from .coo import SparseCooTensor, make
from .tensor import SparseTensor, handles, unsupported

__all__ = ["empty_like", "zeros_like"]


@handles("zeros_like", "empty_like")
def zeros_like(
    input: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """No elements at all; zeros at the places of a compressed matrix; or, `strided`, zeros."""
    options = {"dtype": dtype or input.dtype, "device": device or input.device}
    if layout is _C.strided:
        return _C.zeros(tuple(input.shape), requires_grad=requires_grad, **options)
    if isinstance(input, SparseCooTensor):
        values = _C.zeros((0, *input._value.shape[1:]), requires_grad=requires_grad, **options)
        index = _C.empty((input.sparse_dim(), 0), dtype=_C.int64, device=values.device)
        return make(index, values, input.shape, True)
    zeros = _C.zeros(input._value.shape, requires_grad=requires_grad, **options)
    made: Tensor = input.with_values(zeros)
    return made


empty_like = zeros_like


@handles("new_zeros", "new_empty")
def new_zeros(
    input: Any,
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = sparse_coo,
    pin_memory: bool = False,
) -> Tensor:
    """A sparse tensor of another shape without elements."""
    if not isinstance(input, SparseCooTensor) or layout is not sparse_coo:
        unsupported("new_zeros", f"{input.kind}{input.device.type.upper()}")
    shape = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    return sparse_coo_tensor(
        tuple(shape),
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
    )


@handles("new_tensor")
def new_tensor(input: Any, data: Any, **options: Any) -> Tensor:
    """A dense tensor of the same dtype in the same place."""
    made: Tensor = input._value.detach().new_tensor(data, **options)
    return made


@handles("new")
def new(input: Any, *args: Any) -> Tensor:
    """An empty sparse tensor of a size, or one of indices, values and a size."""
    if args and isinstance(args[0], Tensor):
        return sparse_coo_tensor(*args, dtype=input.dtype, device=input.device)
    return new_zeros(input, *(args or (0,)))


def _told(name: str) -> None:
    def tell(input: Any, *args: Any) -> Any:
        with _C.DisableTorchFunctionSubclass():
            return getattr(Tensor, name)(input, *args)

    tell.__doc__ = f"`Tensor.{name}`, which needs no elements."
    handles(name)(tell)


for _name in "numel is_floating_point is_complex get_device is_same_size is_signed".split():
    if hasattr(Tensor, _name):
        _told(_name)


@handles("equal")
def equal(input: Any, other: Any) -> bool:
    """Whether shapes and elements agree; PyTorch has no answer for sparse tensors."""
    if tuple(input.shape) != tuple(other.shape):
        return False
    a, b = (x.to_dense() if isinstance(x, SparseTensor) else x for x in (input, other))
    return _C.equal(a, b)


@handles("allclose")
def allclose(input: Any, other: Any, *args: Any, **kwargs: Any) -> bool:
    """Whether elements are close; PyTorch has no answer for sparse tensors."""
    a, b = (x.to_dense() if isinstance(x, SparseTensor) else x for x in (input, other))
    return _C.allclose(a, b, *args, **kwargs)


def _refused(name: str, owner: str) -> None:
    def refuse(input: Any) -> Any:
        raise RuntimeError(f"{name} expected {owner} tensor layout but got {input.kind}")

    handles(name)(refuse)


for _name, _owner in _OWNERS.items():
    _refused(_name, _owner)
