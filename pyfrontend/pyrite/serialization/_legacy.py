"""Reading the format of PyTorch before 1.6: five pickles in a row, then the storages' bytes.

Layer: Python front end. The pickles are a magic number, a version, facts about the machine, the
object, and the keys of the storages; each storage follows as its number of elements and its bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyrite import _C
from pyrite._C import UntypedStorage
from pyrite.serialization._location import Place
from pyrite.storage import TypedStorage

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
Unpickle = Callable[[bytes, int, Any], tuple[Any, int]]


class _Storages:
    """Storages named by the object; their bytes come later in the file."""

    def __init__(self, place: Place) -> None:
        """Start with none."""
        self._place = place
        self.met: dict[str, tuple[UntypedStorage, _C.dtype]] = {}

    def __call__(self, saved_id: Any) -> TypedStorage:
        """Return the storage a persistent id means, still without its bytes.

        Raises:
            RuntimeError: the id is none of a storage.
            NotImplementedError: it is a view of another storage.
        """
        match saved_id:
            case ("storage", type() as kind, str() as key, str() as tag, int() as numel, view) if (
                issubclass(kind, TypedStorage)
            ):
                pass
            case _:
                raise RuntimeError(f"Unknown saved id in a legacy file: {saved_id!r}")
        if view is not None:
            raise NotImplementedError("load: views of storages in legacy files are not supported")
        dtype = kind.dtype
        if key not in self.met:
            self.met[key] = (UntypedStorage(numel * dtype.itemsize), dtype)
        storage = self._place(self.met[key][0], tag)
        return TypedStorage(wrap_storage=storage, dtype=dtype)


def read(data: bytes, place: Place, unpickle: Unpickle) -> Any:
    """Return the object of a legacy file.

    Raises:
        EOFError: the file is empty.
        RuntimeError: it is no file of PyTorch, or it is cut off.
    """
    if not data:
        raise EOFError("Ran out of input")
    at = _header(data, unpickle)
    storages = _Storages(place)
    value, at = unpickle(data, at, storages)
    keys, at = unpickle(data, at, None)
    for key in keys:
        storage, dtype = storages.met[key]
        nbytes = int.from_bytes(data[at : at + 8], "little") * dtype.itemsize
        at += 8
        if nbytes != storage.nbytes() or at + nbytes > len(data):
            raise RuntimeError(
                f"load: storage '{key}' is cut off or damaged: {storage.nbytes()} bytes are named, "
                f"{max(0, min(nbytes, len(data) - at))} follow"
            )
        storage._fill(data[at : at + nbytes])
        at += nbytes
    return value


def _header(data: bytes, unpickle: Unpickle) -> int:
    """Return the offset behind the pickles that say what the file is."""
    start = b"\x80\x02\x8a\x0a" + _MAGIC.to_bytes(10, "little") + b"."
    if not data.startswith(start):
        raise RuntimeError(
            "Invalid magic number; corrupt file?\n  load: the file is neither a zip archive nor in "
            "the format of PyTorch before 1.6"
        )
    version, at = unpickle(data, len(start), None)
    if version != _VERSION:
        raise RuntimeError(f"Invalid protocol version: {version}")
    facts, at = unpickle(data, at, None)
    if not facts.get("little_endian", True):
        raise RuntimeError("load: the file was written on a big-endian machine")
    return at
