"""`sparse.FloatTensor`, `sparse.LongTensor`, ...: old names of a dtype and a constructor in one.

Layer L6. They are classes to `isinstance`, which asks for layout and dtype, and functions to calls.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite._layouts import sparse_coo

from .construct import sparse_coo_tensor
from .coo import SparseCooTensor

__all__ = [
    "BFloat16Tensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
]


class SparseTensorType(type):
    """The type of the classes below."""

    dtype: _C.dtype
    is_cuda = False
    is_sparse = True
    layout = sparse_coo

    def __call__(cls, *args: Any, **kwargs: Any) -> Tensor:
        """`(indices, values[, size])`, or the sizes of a tensor without elements."""
        if "indices" in kwargs or (args and isinstance(args[0], Tensor)):
            return sparse_coo_tensor(*args, **kwargs)
        size = kwargs.pop("size", args or (0,))
        size = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
        return sparse_coo_tensor(tuple(size), dtype=cls.dtype, **kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        """Whether it is a sparse tensor by coordinates, of this dtype, on the CPU."""
        return (
            isinstance(instance, SparseCooTensor)
            and instance.dtype is cls.dtype
            and instance.device.type == "cpu"
        )


def _sparse_type(name: str, dtype: _C.dtype) -> SparseTensorType:
    text = f"A sparse tensor of dtype {dtype}: of indices, values and a size."
    fields = {"__module__": "torch.sparse", "__doc__": text, "dtype": dtype}
    return SparseTensorType(name, (), fields)


BFloat16Tensor = _sparse_type("BFloat16Tensor", _C.bfloat16)
ByteTensor = _sparse_type("ByteTensor", _C.uint8)
CharTensor = _sparse_type("CharTensor", _C.int8)
DoubleTensor = _sparse_type("DoubleTensor", _C.float64)
FloatTensor = _sparse_type("FloatTensor", _C.float32)
HalfTensor = _sparse_type("HalfTensor", _C.float16)
IntTensor = _sparse_type("IntTensor", _C.int32)
LongTensor = _sparse_type("LongTensor", _C.int64)
ShortTensor = _sparse_type("ShortTensor", _C.int16)
