"""Storages: the memory behind tensors, and the typed names `.pt` files call it by.

Layer: Python front end, directly on the core's UntypedStorage. A typed storage is an untyped one
and a dtype; the classes `FloatStorage`, `LongStorage`, ... only name the dtype, as files do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from pyrite import _C
from pyrite._C import UntypedStorage

__all__ = [
    "BFloat16Storage",
    "BoolStorage",
    "ByteStorage",
    "CharStorage",
    "ComplexDoubleStorage",
    "ComplexFloatStorage",
    "DoubleStorage",
    "FloatStorage",
    "HalfStorage",
    "IntStorage",
    "LongStorage",
    "ShortStorage",
    "TypedStorage",
    "UntypedStorage",
    "has_storage_class",
    "storage_class",
]


class TypedStorage:
    """An untyped storage read as elements of one dtype.

    Args:
        wrap_storage: the bytes; shared, not copied.
        dtype: the element type; a subclass knows its own.

    Raises:
        TypeError: no dtype is given and the class names none.
    """

    dtype: _C.dtype

    def __init__(self, *, wrap_storage: UntypedStorage, dtype: _C.dtype | None = None) -> None:
        """Wrap `wrap_storage`."""
        dtype = dtype if dtype is not None else getattr(type(self), "dtype", None)
        if dtype is None:
            raise TypeError("TypedStorage(): argument 'dtype' must be given")
        self._untyped_storage = wrap_storage
        self.dtype = dtype

    def untyped(self) -> UntypedStorage:
        """Return the bytes."""
        return self._untyped_storage

    @property
    def device(self) -> _C.device:
        """Where the memory lies."""
        return self._untyped_storage.device

    def data_ptr(self) -> int:
        """Return the address of the first byte."""
        return int(self._untyped_storage.data_ptr())

    def nbytes(self) -> int:
        """Return the size in bytes."""
        return int(self._untyped_storage.nbytes())

    def element_size(self) -> int:
        """Return the size of one element in bytes."""
        return int(self.dtype.itemsize)

    def size(self) -> int:
        """Return the number of elements."""
        return self.nbytes() // self.element_size()

    def _elements(self) -> Any:
        size = (self.size(),)
        return _C._tensor_over(self._untyped_storage, self.dtype, 0, size, (1,))

    def clone(self) -> Self:
        """Return a storage of its own with the same elements."""
        return type(self)(wrap_storage=self._untyped_storage.clone(), dtype=self.dtype)

    def is_shared(self) -> bool:
        """Return whether other processes can see the memory."""
        return self._untyped_storage.is_shared()

    def share_memory_(self) -> Self:
        """Move the memory to where child processes see it; tensors on it stay valid."""
        self._untyped_storage.share_memory_()
        return self

    def resize_(self, size: int) -> Self:
        """Change the number of elements; those that fit stay.

        Raises:
            RuntimeError: the memory belongs to NumPy, a file or another process.
        """
        self._untyped_storage.resize_(size * self.element_size())
        return self

    def tolist(self) -> list[Any]:
        """Return the elements as Python numbers."""
        numbers: list[Any] = self._elements().tolist()
        return numbers

    def type(self) -> str:
        """Return the name of the class that names the dtype."""
        return f"torch.{storage_class(self.dtype).__name__}"

    def __len__(self) -> int:
        return self.size()

    def __getitem__(self, index: int) -> Any:
        return self._elements()[index].item()

    def __setitem__(self, index: int | slice, value: Any) -> None:
        self._elements()[index] = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __repr__(self) -> str:
        elements = "".join(f" {x}\n" for x in self.tolist())
        return (
            f"{elements}[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) "
            f"of size {len(self)}]"
        )


class _Named(TypedStorage):
    """A typed storage whose class names the dtype."""


class BFloat16Storage(_Named):
    """Elements of dtype bfloat16."""

    dtype = _C.bfloat16


class BoolStorage(_Named):
    """Elements of dtype bool."""

    dtype = _C.bool


class ByteStorage(_Named):
    """Elements of dtype uint8."""

    dtype = _C.uint8


class CharStorage(_Named):
    """Elements of dtype int8."""

    dtype = _C.int8


class ComplexDoubleStorage(_Named):
    """Elements of dtype complex128."""

    dtype = _C.complex128


class ComplexFloatStorage(_Named):
    """Elements of dtype complex64."""

    dtype = _C.complex64


class DoubleStorage(_Named):
    """Elements of dtype float64."""

    dtype = _C.float64


class FloatStorage(_Named):
    """Elements of dtype float32."""

    dtype = _C.float32


class HalfStorage(_Named):
    """Elements of dtype float16."""

    dtype = _C.float16


class IntStorage(_Named):
    """Elements of dtype int32."""

    dtype = _C.int32


class LongStorage(_Named):
    """Elements of dtype int64."""

    dtype = _C.int64


class ShortStorage(_Named):
    """Elements of dtype int16."""

    dtype = _C.int16


_CLASSES: dict[_C.dtype, type[TypedStorage]] = {cls.dtype: cls for cls in _Named.__subclasses__()}


def has_storage_class(dtype: _C.dtype) -> bool:
    """Return whether a class names `dtype` in files; complex32 is younger than these classes."""
    return dtype in _CLASSES


def storage_class(dtype: _C.dtype) -> type[TypedStorage]:
    """Return the class that names `dtype` in files.

    Raises:
        RuntimeError: there is none.
    """
    if not has_storage_class(dtype):
        raise RuntimeError(f"unsupported Storage type: {dtype}")
    return _CLASSES[dtype]
