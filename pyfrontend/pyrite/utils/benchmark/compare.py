"""Measurements side by side: a table per label, a row per sub-label, a column per description."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum

from .measurement import (
    Measurement,
    ordered_unique,
    select_unit,
    trim_sigfig,
    unit_to_english,
)

__all__ = ["Colorize", "Compare"]

_END = "\033[0m"


class Colorize(Enum):
    """Among which numbers the colours compare."""

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


def _coloured(text: str, value: float, best: float) -> str:
    """Green for the best, blue close to it, red far from it."""
    if value <= max(best * 1.01, best + 100e-9):
        return f"\033[92m\033[1m{text}{_END}{_END}"
    if value <= best * 1.1:
        return f"\033[34m\033[1m{text}{_END}{_END}"
    if value >= best * 5:
        return f"\033[31m\033[1m{text}{_END}{_END}"
    return f"\033[2m\033[91m{text}{_END}{_END}" if value >= best * 2 else text


_Cell = Measurement | None
_RowKey = tuple[int, str | None, str]


class _Table:
    """The measurements of one label, as text."""

    def __init__(self, results: list[Measurement], look: Compare) -> None:
        self._look = look
        self._label = results[0].label or ""
        self._unit, self._scale = select_unit(min(r.median for r in results))
        cells = {(_row(r), r.description): r for r in results}
        # By threads and environment; statements stay in their order.
        self._rows = sorted(
            ordered_unique(_row(r) for r in results), key=lambda k: (k[0], k[1] or "")
        )
        self._columns: list[str | None] = ordered_unique(r.description for r in results)
        self._cells = [[cells.get((row, column)) for column in self._columns] for row in self._rows]
        self._environments = len({r.env for r in results}) > 1

    def _texts(self, column: int) -> list[str]:
        """The numbers of a column, equally many digits each."""
        trim = self._look._trim
        cells = [row[column] for row in self._cells]
        there = [cell for cell in cells if cell is not None]
        warn = self._look._warn and any(cell.has_warnings for cell in there)
        digits = [math.ceil(math.log10(cell.median / self._scale)) for cell in there]
        after = 1
        if trim:
            pairs = zip(there, digits, strict=True)
            after = min(max(cell.significant_figures - d, 0) for cell, d in pairs)
        width = max(digits) + after + (1 if after else 0)

        def text(cell: _Cell) -> str:
            value = 1.0 if cell is None else cell.median / self._scale
            if trim and cell is not None:
                value = trim_sigfig(value, cell.significant_figures)
            spread = ""
            if warn and cell is not None and cell.has_warnings:
                spread = f" (! {cell.iqr / cell.median * 100:.0f}%)"
            out = f"{value:>{width}.{after}f}" + (f"{spread:>7}" if warn else "")
            return " " * len(out) if cell is None else out

        return [text(cell) for cell in cells]

    def _names(self) -> list[str]:
        """How the rows begin: the environment where it changes, and the statement."""
        names, before = [], None
        longest = max(len(_environment(key[1])) for key in self._rows)
        for threads, env, name in self._rows:
            shown = f"({_environment(env)})" if (threads, env) != before else ""
            before = (threads, env)
            names.append(
                "  " + (shown.ljust(longest + 4) if self._environments else " " * 4) + name
            )
        return names

    def _best(self, row: int, column: int) -> float:
        """The best time among those that the colours compare."""
        if self._look._colours is Colorize.ROWWISE:
            group = self._cells[row]
        else:
            threads = self._rows[row][0]
            same = [i for i, key in enumerate(self._rows) if key[0] == threads]
            group = [self._cells[i][column] for i in same]
        return min(cell.median for cell in group if cell is not None)

    def render(self) -> str:
        """Header, rows by number of threads, unit."""
        names = self._names()
        columns = [self._texts(j) for j in range(len(self._columns))]
        heads = [""] + [column or "" for column in self._columns]
        widths = [
            max(len(text) for text in [head, *texts])
            for head, texts in zip(heads, [names, *columns], strict=True)
        ]
        head = "  |  ".join(h.center(w) for h, w in zip(heads, widths, strict=True))
        lines = [f"[{f' {self._label} '.center(len(head) - 2, '-')}]", head]
        for i, (threads, _, _) in enumerate(self._rows):
            if i == 0 or threads != self._rows[i - 1][0]:
                lines.append(f"{threads} threads: ".ljust(len(head), "-"))
            parts = [names[i].ljust(widths[0])]
            for j, texts in enumerate(columns):
                cell, part = self._cells[i][j], texts[i].center(widths[j + 1])
                if self._look._colours is not Colorize.NONE and cell is not None:
                    part = _coloured(part, cell.median, self._best(i, j))
                parts.append(part)
            lines.append("  |  ".join(parts))
        lines += ["", f"Times are in {unit_to_english(self._unit)}s ({self._unit}).", ""]
        if self._look._warn and any(c.has_warnings for row in self._cells for c in row if c):
            lines[-1:] = [
                "(! XX%) Measurement has high variance, where XX is the IQR / median * 100.",
                "",
            ]
        return "\n".join(lines)


def _row(result: Measurement) -> _RowKey:
    return result.num_threads, result.env, result.as_row_name


def _environment(env: str | None) -> str:
    return "Unspecified env" if env is None else env


class Compare:
    """Tables of measurements.

    Measurements of one task are taken together.

    Example:
        >>> from pyrite.utils.benchmark import Compare, Measurement, TaskSpec
        >>> task = TaskSpec("f()", "", label="speed", description="now")
        >>> print(Compare([Measurement(10, [2e-5], task)]))
        [---- speed ----]
                   |  now
        1 threads: ------
              f()  |  2.0
        <BLANKLINE>
        Times are in microseconds (us).
        <BLANKLINE>
    """

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._results: list[Measurement] = []
        self._trim, self._warn, self._colours = False, False, Colorize.NONE
        self.extend_results(results)

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Adds measurements; raises `ValueError` for anything else."""
        new = list(results)
        for each in new:
            if not isinstance(each, Measurement):
                raise ValueError(
                    f"Expected an instance of `Measurement`, got {type(each)} instead."
                )
        self._results.extend(new)

    def trim_significant_figures(self) -> None:
        """Shows only digits that mean something."""
        self._trim = True

    def colorize(self, rowwise: bool = False) -> None:
        """Colours the numbers by how far they are from the best of their column, or row."""
        self._colours = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self) -> None:
        """Marks numbers whose measurements differ much."""
        self._warn = True

    def print(self) -> None:
        """Prints the tables."""
        print(str(self))

    def __str__(self) -> str:
        groups: dict[str | None, list[Measurement]] = {}
        for each in Measurement.merge(self._results):
            groups.setdefault(each.label, []).append(each)
        return "\n".join(_Table(group, self).render() for group in groups.values())
