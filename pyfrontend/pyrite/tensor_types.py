"""`FloatTensor`, `LongTensor`, ...: PyTorch's old names of a dtype and a constructor in one.

Layer: Python front end. They are classes to `isinstance`, which asks for the dtype, and functions
to calls, which follow the rules of `Tensor(...)`; no tensor is an instance of them by inheritance.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._C import Tensor

__all__ = [
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "set_default_tensor_type",
]


class TensorType(type):
    """The type of the classes below: knows the dtype, makes tensors, recognises them."""

    dtype: _C.dtype
    is_cuda = False
    is_sparse = False
    layout = _C.strided

    def __call__(cls, *args: Any, **kwargs: Any) -> Tensor:
        return _C._legacy_tensor(cls.dtype, args, kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        """Whether it is a tensor of this dtype on the CPU."""
        return (
            isinstance(instance, Tensor)
            and instance.dtype is cls.dtype
            and instance.layout == _C.strided
            and instance.device.type == "cpu"
        )


def _tensor_type(name: str, dtype: _C.dtype) -> TensorType:
    text = f"A tensor of dtype {dtype}, as `Tensor(...)` makes one of the default dtype."
    return TensorType(name, (), {"__module__": "torch", "__doc__": text, "dtype": dtype})


BFloat16Tensor = _tensor_type("BFloat16Tensor", _C.bfloat16)
BoolTensor = _tensor_type("BoolTensor", _C.bool)
ByteTensor = _tensor_type("ByteTensor", _C.uint8)
CharTensor = _tensor_type("CharTensor", _C.int8)
DoubleTensor = _tensor_type("DoubleTensor", _C.float64)
FloatTensor = _tensor_type("FloatTensor", _C.float32)
HalfTensor = _tensor_type("HalfTensor", _C.float16)
IntTensor = _tensor_type("IntTensor", _C.int32)
LongTensor = _tensor_type("LongTensor", _C.int64)
ShortTensor = _tensor_type("ShortTensor", _C.int16)

_BY_NAME = {
    f"torch.{kind.__name__}": kind for kind in list(globals().values()) if type(kind) is TensorType
}


def set_default_tensor_type(t: TensorType | str) -> None:
    """Make the dtype of a tensor type, or of its name `torch.FloatTensor`, the default.

    Raises:
        TypeError: it is no tensor type, or not one of a floating-point dtype.
    """
    kind = _BY_NAME.get(t) if isinstance(t, str) else t
    if type(kind) is not TensorType:
        raise TypeError(f"invalid type object: {t!r} is no tensor type")
    _C.set_default_dtype(kind.dtype)
