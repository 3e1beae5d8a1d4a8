"""Parts of storages, and storages that are files: what `UntypedStorage` needs no core for.

Layer: Python front end, put onto the native class at import. A part shares the memory, and so does
what `asarray` makes of a storage.
"""

from __future__ import annotations

import mmap
import os
from typing import Any

from pyrite import _C
from pyrite._C import Tensor, UntypedStorage
from pyrite._native import add_methods

__all__: list[str] = []

_get_byte = UntypedStorage.__getitem__


def _bytes(self: UntypedStorage) -> Tensor:
    """All of it as a vector of uint8, sharing memory."""
    return _C._tensor_over(self, _C.uint8, 0, (self.nbytes(),), (1,))


def _getitem(self: UntypedStorage, key: int | slice) -> Any:
    """A byte, or the storage of a part that shares the memory."""
    if isinstance(key, int):
        return _get_byte(self, key)
    if not isinstance(key, slice):
        raise TypeError(f"can't index a torch.UntypedStorage with {type(key).__name__}")
    if key.step not in (None, 1):
        raise RuntimeError(
            f"Trying to slice with a step of {key.step}, but only a step of 1 is supported"
        )
    return _C.from_dlpack(_bytes(self)[key]).untyped_storage()


def _setitem(self: UntypedStorage, key: int | slice, value: Any) -> None:
    """Set a byte, or all bytes of a part to one value."""
    _bytes(self)[key] = value


def _dlpack(self: UntypedStorage, **kwargs: Any) -> Any:
    return _bytes(self).__dlpack__(**kwargs)


def _dlpack_device(self: UntypedStorage) -> Any:
    return _bytes(self).__dlpack_device__()


def _from_file(
    cls: type[UntypedStorage],
    filename: str | os.PathLike[str],
    shared: bool = False,
    nbytes: int = 0,
) -> UntypedStorage:
    """A storage that is a file's content.

    Args:
        cls: the class.
        filename: a regular file.
        shared: write changes to the file, which is made or grown as needed; else they stay in
            this process.
        nbytes: how many of the file's first bytes.

    Raises:
        RuntimeError: the file cannot be opened, or is smaller than `nbytes` and not `shared`.
    """
    path = os.fspath(filename)
    flags = os.O_RDWR | os.O_CREAT if shared else os.O_RDONLY
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        mode = "read-write" if shared else "read-only"
        raise RuntimeError(
            f"unable to open file <{path}> in {mode} mode: {error.strerror} ({error.errno})"
        ) from error
    try:
        size = os.fstat(descriptor).st_size
        if size < nbytes:
            if not shared:
                raise RuntimeError(
                    f"file <{path}> size <{size}> is smaller than the required mapping size "
                    f"<{nbytes}>"
                )
            os.ftruncate(descriptor, nbytes)
        if nbytes == 0:
            return cls(0)
        access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
        memory = mmap.mmap(descriptor, nbytes, access=access)
    finally:
        os.close(descriptor)
    return _C.frombuffer(memory, dtype=_C.uint8).untyped_storage()


add_methods(
    UntypedStorage,
    {
        "__dlpack__": _dlpack,
        "__dlpack_device__": _dlpack_device,
        "__getitem__": _getitem,
        "__setitem__": _setitem,
        "from_file": classmethod(_from_file),
    },
)
