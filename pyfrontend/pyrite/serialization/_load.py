"""`load`: an archive opened by the core, its pickle replayed against an allow-list.

Layer: Python front end. With `weights_only=True` the core reads the pickle and only the allowed
names run. With `weights_only=False` Python's own unpickler obeys the file.
"""

from __future__ import annotations

import functools
import io
import os
import pickle
import warnings
from collections import OrderedDict
from types import ModuleType
from typing import Any

from pyrite import _C
from pyrite._C import UntypedStorage
from pyrite.serialization import _legacy
from pyrite.serialization._location import MapLocation, Place, placer
from pyrite.serialization._names import counterpart
from pyrite.serialization._paths import FileLike, is_path
from pyrite.serialization._safe import AllowedNames
from pyrite.storage import TypedStorage

_ZIP_MAGIC = b"PK\x03\x04"


class StorageLoader:
    """Answers the persistent ids of an archive: each storage is read once.

    Args:
        archive: the open file.
        place: puts a storage where `map_location` says.
    """

    def __init__(self, archive: _C.Archive, place: Place) -> None:
        """Read nothing yet."""
        self._archive, self._place = archive, place
        self._read: dict[str, tuple[int, UntypedStorage]] = {}

    def __call__(self, saved_id: Any) -> TypedStorage:
        """Return the storage a persistent id means.

        Raises:
            RuntimeError: the id is none of a storage, or the record has another size.
        """
        match saved_id:
            case ("storage", type() as kind, str() as key, str() as tag, int() as numel) if (
                issubclass(kind, TypedStorage | UntypedStorage)
            ):
                pass
            case _:
                raise RuntimeError(f"Unknown typename for persistent_load: {saved_id!r}")
        dtype = getattr(kind, "dtype", _C.uint8)
        if key not in self._read:
            storage = self._archive.storage(f"data/{key}")
            self._read[key] = (storage.nbytes(), self._place(storage, tag))
        nbytes, placed = self._read[key]
        if nbytes != numel * dtype.itemsize:
            raise RuntimeError(
                f"load: storage '{key}' has {nbytes} bytes; the file names {numel} elements of "
                f"{dtype}"
            )
        return TypedStorage(wrap_storage=placed, dtype=dtype)


def _build(names: AllowedNames, obj: Any, state: Any) -> None:
    """Give an object a pickle made its state.

    Raises:
        pickle.UnpicklingError: objects of this type take none from a file.
    """
    if type(obj) is OrderedDict:
        obj.__dict__.update(state)
    elif not names.allows(type(obj)):
        raise pickle.UnpicklingError(
            "Can only build Tensor, Parameter, OrderedDict or types allowlisted via "
            f"`add_safe_globals`, but got {type(obj)}"
        )
    elif hasattr(obj, "__setstate__"):
        obj.__setstate__(state)
    else:
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        obj.__dict__.update(attributes or {})
        for name, value in (slots or {}).items():
            setattr(obj, name, value)


def load(
    f: FileLike,
    map_location: MapLocation = None,
    pickle_module: ModuleType | None = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Load an object that `save`, or PyTorch, wrote.

    Args:
        f: a path, or an object with `read`, `readline`, `seek` and `tell`.
        map_location: where storages go: a device, a dict from the devices in the file to others,
            or a function of (storage, device in the file).
        pickle_module: a module with `Unpickler`; it makes `weights_only=False` the default.
        weights_only: True (the default) builds tensors, plain Python data and the types of
            `add_safe_globals`, and runs nothing else. False runs any code the file contains: only
            for files you trust.
        mmap: whether to map the file instead of reading it; tensors then come from the disk when
            they are first used, and changes to them never reach the file.
        **pickle_load_args: for `weights_only=False`, arguments of the unpickler.

    Raises:
        pickle.UnpicklingError: the pickle is damaged, or names something that is not allowed.
        RuntimeError: the archive is truncated or damaged; the message says what is missing.
        EOFError: the file is empty.
        OSError: the file cannot be read.

    Example:
        >>> import io
        >>> file = io.BytesIO()  # or a path
        >>> pyrite.save({"epoch": 3, "x": pyrite.ones(2)}, file)
        >>> position = file.seek(0)
        >>> pyrite.load(file)
        {'epoch': 3, 'x': tensor([1., 1.])}
    """
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if weights_only is None:
        weights_only = pickle_module is None
    source = os.fspath(f) if is_path(f) else _contents(f)
    reader = _Reader(placer(map_location), pickle_module, weights_only, pickle_load_args)
    if _starts_with_zip(source):
        if mmap and not is_path(f):
            raise ValueError("f must be a file path in order to use the mmap argument")
        return reader.read_archive(_open(source, bool(mmap)))
    if mmap:
        raise RuntimeError(
            "mmap can only be used with files saved with "
            "`torch.save(_use_new_zipfile_serialization=True), "
            "please torch.save your checkpoint with this option in order to use mmap."
        )
    return reader.read_legacy(source)


def _contents(f: Any) -> bytes:
    for method in ("seek", "tell", "read"):
        if not hasattr(f, method):
            raise AttributeError(
                f"'{type(f).__name__}' object has no attribute '{method}'. You can only torch.load "
                "from a file that is seekable. Please pre-load the data into a buffer like "
                "io.BytesIO and try to load from it instead."
            )
    return bytes(f.read())


def _starts_with_zip(source: str | bytes) -> bool:
    if isinstance(source, bytes):
        return source.startswith(_ZIP_MAGIC)
    if not os.path.isfile(source):
        return os.path.exists(source) and not os.path.isdir(source)  # a pipe is read by the core
    with open(source, "rb") as file:
        return file.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC


def _open(source: str | bytes, mmap: bool) -> _C.Archive:
    if isinstance(source, bytes):
        return _C.Archive.from_bytes(source)
    return _C.Archive.open(source, mmap)


class _Reader:
    """How to turn pickles into objects: what `load` was told."""

    def __init__(
        self,
        place: Place,
        pickle_module: ModuleType | None,
        weights_only: bool,
        arguments: dict[str, Any],
    ) -> None:
        """Check the arguments for the unpickler."""
        self._place = place
        self._module: Any = pickle_module or pickle
        self._weights_only = weights_only
        self._arguments = arguments
        if weights_only and arguments:
            _check_arguments(arguments)

    def read_archive(self, archive: _C.Archive) -> Any:
        """Return the object of an archive."""
        value, _ = self.unpickle(archive.read("data.pkl"), 0, StorageLoader(archive, self._place))
        return value

    def read_legacy(self, source: str | bytes) -> Any:
        """Return the object of a file in the format before PyTorch 1.6."""
        if not isinstance(source, bytes):
            with open(source, "rb") as file:
                source = file.read()
        return _legacy.read(source, self._place, self.unpickle)

    def unpickle(self, data: bytes, start: int, persistent_load: Any) -> tuple[Any, int]:
        """Return the object pickled at `start` and the offset behind it."""
        if not self._weights_only:
            return self._run(data, start, persistent_load)
        names = AllowedNames()
        build = functools.partial(_build, names)
        try:
            return _C._unpickle(data, start, names, persistent_load, build)
        except pickle.UnpicklingError as error:
            raise pickle.UnpicklingError(_refusal(str(error))) from None

    def _run(self, data: bytes, start: int, persistent_load: Any) -> tuple[Any, int]:
        class Unpickler(self._module.Unpickler):  # type: ignore[misc, name-defined]
            def find_class(self, module: str, name: str) -> Any:
                found = counterpart(f"{module}.{name}", load=True)
                return super().find_class(module, name) if found is None else found

        stream = io.BytesIO(data)
        stream.seek(start)
        unpickler = Unpickler(stream, **{"encoding": "utf-8", **self._arguments})
        unpickler.persistent_load = persistent_load
        return unpickler.load(), stream.tell()


def _check_arguments(arguments: dict[str, Any]) -> None:
    for name in arguments:
        if name != "encoding":
            raise TypeError(f"Unpickler.__init__() got an unexpected keyword argument '{name}'")
    if arguments["encoding"].lower() not in ("utf-8", "utf8", "ascii"):
        raise NotImplementedError(
            f"load: encoding {arguments['encoding']!r} is read with weights_only=False only"
        )
    warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=4)


def _refusal(reason: str) -> str:
    if "GLOBAL" not in reason:
        return f"Weights only load failed. {reason}"
    return (
        "Weights only load failed. This file can still be loaded, to do so you have two options, "
        "\033[1mdo those steps only if you trust the source of the checkpoint\033[0m. \n"
        "\t(1) Load it with `weights_only=False`. This runs whatever code the file contains.\n"
        "\t(2) Keep `weights_only=True` and allow the name that was refused, as it says here:\n"
        f"\tWeightsUnpickler error: {reason}\n"
    )
