"""`save`: Python's own pickler with tensors taken out, then one archive written by the core.

Layer: Python front end. Tensors become references to storages, which are written once each however
many tensors share them; the pickle's names become PyTorch's, so PyTorch reads the file.
"""

from __future__ import annotations

import io
import os
import pickle
from types import ModuleType
from typing import Any

from pyrite import _C
from pyrite._C import Tensor, UntypedStorage
from pyrite._utils import Reduced, take_apart
from pyrite.serialization._names import written_names
from pyrite.serialization._paths import FileLike, folder_of, is_path
from pyrite.storage import TypedStorage, has_storage_class, storage_class


class _Reference(TypedStorage):
    """A storage on its way into a file."""


class _Storages:
    """The storages met so far, in order: their place is their key."""

    def __init__(self) -> None:
        """Start with none."""
        self.met: dict[int, tuple[int, _Reference]] = {}

    def refer(self, storage: UntypedStorage, dtype: _C.dtype) -> _Reference:
        """Return the reference to a storage, one for all tensors on it.

        Raises:
            RuntimeError: another tensor reads the same storage as another dtype.
        """
        key = len(self.met)
        _, met = self.met.setdefault(
            storage._cdata, (key, _Reference(wrap_storage=storage, dtype=dtype))
        )
        if met.dtype != dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                f"types\n  save: a storage is read as {met.dtype} and as {dtype}"
            )
        return met

    def persistent_id(self, reference: _Reference) -> tuple[Any, ...]:
        """Return what the pickle holds in place of a storage."""
        key, _ = self.met[reference.untyped()._cdata]
        device = str(reference.device)
        if has_storage_class(reference.dtype):
            kind = storage_class(reference.dtype)
            return "storage", kind, str(key), device, reference.size()
        return "storage", UntypedStorage, str(key), device, reference.nbytes()

    def all(self) -> list[UntypedStorage]:
        """Return the storages in the order of their keys."""
        return [reference.untyped() for _, reference in self.met.values()]


def _pickle(
    obj: object, storages: _Storages, pickle_module: ModuleType | Any, protocol: int
) -> bytes:
    class Pickler(pickle_module.Pickler):  # type: ignore[misc, name-defined]
        def persistent_id(self, obj: Any) -> Any:
            return storages.persistent_id(obj) if type(obj) is _Reference else None

        def reducer_override(self, obj: Any) -> Reduced | Any:
            plain = isinstance(obj, Tensor) and type(obj).__reduce_ex__ is Tensor.__reduce_ex__
            if plain:
                return take_apart(obj, lambda storage: storages.refer(storage, obj.dtype))
            return NotImplemented

    buffer = io.BytesIO()
    Pickler(buffer, protocol=protocol).dump(obj)
    return _C._rename_globals(buffer.getvalue(), written_names())


def save(
    obj: object,
    f: FileLike,
    pickle_module: ModuleType | Any = pickle,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Save an object to a file that `load`, and PyTorch, can read.

    Tensors that share a storage share it in the file and after loading. A regular file is replaced
    whole: until the new one is on the disk, the old one stays as it was. A pipe, a device or a
    file object is written as the data comes.

    Args:
        obj: what to save; everything in it must be picklable.
        f: a path, or an object with a `write` method.
        pickle_module: the module whose `Pickler` is used.
        pickle_protocol: the version of the pickle format.
        _use_new_zipfile_serialization: must be True; the format before PyTorch 1.6 is only read.
        _disable_byteorder_record: must be False.

    Raises:
        AttributeError: `f` is neither a path nor writable.
        RuntimeError: the folder of `f` does not exist.
        OSError: the file cannot be written.

    Example:
        >>> import io
        >>> model, file = nn.Linear(2, 1), io.BytesIO()  # or a path
        >>> pyrite.save(model.state_dict(), file)
        >>> position = file.seek(0)
        >>> model.load_state_dict(pyrite.load(file))
        <All keys matched successfully>
    """
    if not _use_new_zipfile_serialization:
        raise NotImplementedError(
            "save: the format before PyTorch 1.6 is read but not written; "
            "leave _use_new_zipfile_serialization=True"
        )
    if _disable_byteorder_record:
        raise NotImplementedError("save: the byte order is always recorded")
    if is_path(f):
        folder = os.path.dirname(os.fspath(f))
        if folder and not os.path.isdir(folder):
            raise RuntimeError(f"Parent directory {folder} does not exist.")
    elif not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    storages = _Storages()
    data = _pickle(obj, storages, pickle_module, pickle_protocol)
    _C._write_checkpoint(f, folder_of(f), data, storages.all())
