"""How a rank tells its launcher what went wrong: a file with its traceback.

The launcher names the file in TORCHELASTIC_ERROR_FILE and reads it when the rank has ended. The
first report of a process stays; without a launcher nothing is written.
"""

from __future__ import annotations

import functools
import json
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

__all__ = ["Report", "read_report", "record", "write_report"]

_VARIABLE = "TORCHELASTIC_ERROR_FILE"

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Report:
    """What a rank said before it ended.

    Attributes:
        kind: the class of its exception.
        traceback: as Python prints it.
        time: seconds since the epoch.
    """

    kind: str
    traceback: str
    time: float


def record(fn: Callable[P, R], error_handler: Any = None) -> Callable[P, R]:
    """Decorates a program's main function so that its launcher can show the traceback.

    Args:
        fn: the function; what it raises is reported and raised again.
        error_handler: must be None; reports have one form here.

    Raises:
        NotImplementedError: an error handler is given.
    """
    if error_handler is not None:
        raise NotImplementedError("record: error handlers are not available; leave it out")

    @functools.wraps(fn)
    def recorded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return fn(*args, **kwargs)
        except Exception as error:
            write_report(error)
            raise

    return recorded


def write_report(error: BaseException) -> None:
    """Leaves the exception where the launcher looks for it, if there is a launcher."""
    path = os.environ.get(_VARIABLE)
    if not path or os.path.exists(path):
        return
    now = time.time()
    details = {"py_callstack": "".join(traceback.format_exception(error)), "timestamp": now}
    message = {"message": f"{type(error).__name__}: {error}", "extraInfo": details}
    content = {"message": message, "kind": type(error).__name__}
    unfinished = Path(f"{path}.{os.getpid()}")
    unfinished.write_text(json.dumps(content), encoding="utf-8")
    unfinished.replace(path)


def read_report(path: str | os.PathLike[str]) -> Report | None:
    """The report in a file; None where a rank left none."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    details = content["message"]["extraInfo"]
    return Report(content["kind"], details["py_callstack"], float(details["timestamp"]))
