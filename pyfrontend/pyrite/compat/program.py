"""Runs a PyTorch program in this process: a script, a module (`-m`), a notebook or a test file.

`sys.argv`, `sys.path[0]` and `__main__` are what `python PROGRAM` would set up. In a file named
`test_*.py` the tests are called after it is loaded, as pytest would call them without fixtures.
"""

from __future__ import annotations

import inspect
import os
import runpy
import sys
import traceback
import unittest
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from . import alias, notebook


def run(program: str, arguments: Sequence[str], *, as_module: bool = False) -> int:
    """Runs `program` with `torch` meaning Pyrite, and `torch.cuda` the GPUs if there are any.

    Args:
        program: a path, or with `as_module` the dotted name of a module.
        arguments: the program's own arguments.
        as_module: as `python -m` does.

    Returns:
        0, or 1 when the program raised; its traceback is printed without this package's frames.

    Raises:
        SystemExit: the program ended itself.
        FileNotFoundError: there is no such program.
    """
    if not as_module and not os.path.exists(program):
        raise FileNotFoundError(2, "No such file or directory", program)
    alias.install()
    os.environ.setdefault("PYRITE_CUDA_ALIAS", "1")
    sys.argv = [program, *arguments]
    sys.path[0] = "" if as_module else str(Path(program).resolve().parent)
    try:
        if as_module:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        elif program.endswith(".ipynb"):
            notebook.run(Path(program))
        else:
            names = runpy.run_path(program, run_name="__main__")
            if Path(program).name.startswith("test_"):
                return call_tests(names)
    except Exception as error:
        error.__traceback__ = _program_frames(error.__traceback__)
        _report(error)
        return 1
    return 0


def call_tests(names: Mapping[str, Any]) -> int:
    """Calls the `test_*` functions and the `unittest` classes of a loaded test file.

    Returns:
        0, or 1 when a test needs fixtures or a `unittest` failed. Exceptions of functions pass.
    """
    suite = unittest.TestSuite()
    status = 0
    for name, value in names.items():
        if isinstance(value, type) and issubclass(value, unittest.TestCase):
            suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(value))
        elif name.startswith("test_") and inspect.isfunction(value):
            if inspect.signature(value).parameters:
                print(f"{name} needs fixtures; use: pyrite run -m pytest FILE", file=sys.stderr)
                status = 1
                continue
            value()
            print(f"ok {name}")
    if suite.countTestCases() and not unittest.TextTestRunner().run(suite).wasSuccessful():
        status = 1
    return status


def _report(error: Exception) -> None:
    """Prints the traceback; the default hook would not know the lines of a notebook's cells.

    A launcher, if this is one of its ranks, is told as well.
    """
    if "TORCHELASTIC_ERROR_FILE" in os.environ:
        from pyrite.distributed.elastic.multiprocessing.errors import write_report

        write_report(error)
    if sys.excepthook is sys.__excepthook__:
        traceback.print_exception(error)
    else:
        sys.excepthook(type(error), error, error.__traceback__)


def _program_frames(stack: TracebackType | None) -> TracebackType | None:
    """The traceback from the program's first frame on; all of it when the program never ran."""
    here = str(Path(__file__).parent)
    frame = stack
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename
        if not file.startswith(here) and "runpy" not in Path(file).name:
            return frame
        frame = frame.tb_next
    return stack
