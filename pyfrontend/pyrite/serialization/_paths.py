"""What `save` and `load` take as a file: a path, or an object with the methods of one."""

from __future__ import annotations

import os
from typing import IO, Any, TypeGuard

FileLike = str | os.PathLike[str] | IO[bytes]


def is_path(f: Any) -> TypeGuard[str | os.PathLike[str]]:
    """Return whether `f` names a file."""
    return isinstance(f, (str, os.PathLike))


def folder_of(f: FileLike) -> str:
    """Return the top folder of an archive written to `f`: the file's name without its ending."""
    if not is_path(f):
        return "archive"
    return os.path.splitext(os.path.basename(os.fspath(f)))[0] or "archive"
