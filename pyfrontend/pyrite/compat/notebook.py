"""Runs the code cells of a Jupyter notebook in order, in one namespace.

A cell's last expression is printed unless a semicolon ends it. Lines that are no Python (magics,
shell commands) are left out and named on stderr; cells in another language are left out whole.
"""

from __future__ import annotations

import ast
import json
import linecache
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

_TIMED_LINE = re.compile(r"^(\s*)%(?:time|timeit|prun)\s+(?!-)")
_MAGIC_LINE = re.compile(r"^(\s*)(?:[!%?]|\w[\w.]*\?{1,2}\s*$)")
_PYTHON_CELLS = ("%%time", "%%timeit", "%%capture", "%%prun")


def run(path: Path) -> None:
    """Runs the notebook as module `__main__`; matplotlib draws to files by default."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    main = ModuleType("__main__")
    namespace = main.__dict__
    namespace.update(__file__=str(path), display=_display, get_ipython=lambda: None)
    previous, sys.modules["__main__"] = sys.modules["__main__"], main
    try:
        for number, source in enumerate(_code_cells(path)):
            for code in _compile(source, f"{path.name}:cell {number}"):
                value = eval(code, namespace)
                if value is not None:
                    print(repr(value))
    finally:
        sys.modules["__main__"] = previous


def _display(*values: Any) -> None:
    for value in values:
        print(repr(value))


def _code_cells(path: Path) -> Iterator[str]:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            yield "".join(cell["source"])


def _compile(source: str, name: str) -> Iterator[CodeType]:
    """The cell's statements, then its last expression if its value is to be shown."""
    source = _python(source, name)
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    tree = ast.parse(source, name)
    shown = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";"):
        shown = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
    yield compile(tree, name, "exec")
    if shown is not None:
        yield compile(shown, name, "eval")


def _python(source: str, name: str) -> str:
    """The Python in a cell: a line changes only where the parser stops and it is a magic."""
    first, _, rest = source.lstrip().partition("\n")
    if first.startswith("%%"):
        if not first.startswith(_PYTHON_CELLS):
            _leave_out(first, name)
            return ""
        source = rest
    lines = source.splitlines()
    for _ in lines:
        try:
            ast.parse("\n".join(lines))
        except SyntaxError as error:
            stop = (error.lineno or 1) - 1
            if stop >= len(lines) or not _replace_magic(lines, stop, name):
                break
        else:
            break
    return "\n".join(lines)


def _replace_magic(lines: list[str], number: int, name: str) -> bool:
    line = lines[number]
    if _TIMED_LINE.match(line):
        lines[number] = _TIMED_LINE.sub(r"\1", line)
        return True
    match = _MAGIC_LINE.match(line)
    if match is None:
        return False
    _leave_out(line.strip(), name)
    lines[number] = match[1] + "pass"
    return True


def _leave_out(text: str, name: str) -> None:
    print(f"{name}: left out: {text}", file=sys.stderr)
