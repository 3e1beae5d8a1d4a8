"""`map_location`: where the storages of a file go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyrite import _C
from pyrite._C import UntypedStorage

MapLocation = (
    str | _C.device | dict[str, str] | Callable[[UntypedStorage, str], UntypedStorage] | None
)
Place = Callable[[UntypedStorage, str], Any]


def placer(map_location: Any) -> Place:
    """Return the function that puts a storage, read into host memory, in its place.

    Raises:
        TypeError: `map_location` is of no type `load` knows.
    """
    if map_location is None:
        return _place
    if isinstance(map_location, dict):
        return lambda storage, tag: _place(storage, map_location.get(tag, tag))
    if isinstance(map_location, (str, bytes, _C.device)):
        target = map_location.decode() if isinstance(map_location, bytes) else str(map_location)
        return lambda storage, tag: _place(storage, target)
    if not callable(map_location):
        raise TypeError(f"'{type(map_location).__name__}' object is not callable")

    def ask(storage: UntypedStorage, tag: str) -> Any:
        placed = map_location(storage, tag)
        return _place(storage, tag) if placed is None else placed

    return ask


def _place(storage: UntypedStorage, tag: str) -> Any:
    try:
        device = _C.device(tag)
    except RuntimeError as error:
        raise RuntimeError(
            "don't know how to restore data location of torch.storage.UntypedStorage "
            f"(tagged with {tag})"
        ) from error
    if device.type == "cpu":
        return storage
    if device.type == "meta":
        return MetaStorage(storage.nbytes())
    kind = device.type
    if kind == "cuda" and _has_cuda():
        size = storage.nbytes()
        return _C._tensor_over(storage, _C.uint8, 0, (size,), (1,)).to(device).untyped_storage()
    raise RuntimeError(
        f"Attempting to deserialize object on a {kind.upper()} device but "
        f"torch.{kind}.is_available() is False. If you are running on a CPU-only machine, please "
        "use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
    )


def _has_cuda() -> bool:
    from pyrite import cuda

    return cuda.is_available()


class MetaStorage:
    """A storage of the meta device: a size and nothing else."""

    device = _C.device("meta")

    def __init__(self, nbytes: int) -> None:
        """Stand for `nbytes` bytes."""
        self._nbytes = nbytes

    def nbytes(self) -> int:
        """Return the size in bytes."""
        return self._nbytes

    def data_ptr(self) -> int:
        """Return 0: there is no memory."""
        return 0
