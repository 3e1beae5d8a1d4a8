"""What a timer measured, and its summary: median, quartiles, how far they can be trusted."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, fields
from statistics import fmean, pstdev
from textwrap import indent
from typing import Any, TypeVar

import pyrite

__all__ = [
    "Measurement",
    "TaskSpec",
    "ordered_unique",
    "select_unit",
    "trim_sigfig",
    "unit_to_english",
]

_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}
_ENGLISH = {"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second"}
_SHAKY, _UNRELIABLE = 0.1, 0.25  # interquartile range over median

Key = TypeVar("Key", bound=Hashable)


def select_unit(t: float) -> tuple[str, float]:
    """The unit in which `t` seconds read best, and its length in seconds."""
    power = int(math.log10(t) // 3) if t > 0 else -3
    unit = {-3: "ns", -2: "us", -1: "ms"}.get(power, "s")
    return unit, _UNITS[unit]


def unit_to_english(u: str) -> str:
    """The name of a unit of `select_unit`."""
    return _ENGLISH[u]


def trim_sigfig(x: float, n: int) -> float:
    """`x` with `n` significant figures, as 3.1 for (3.14159, 2)."""
    if n != int(n):
        raise AssertionError("Number of significant figures must be an integer")
    scale = 10 ** (math.ceil(math.log10(abs(x))) - n) if x else 1
    return float(pyrite.tensor(x / scale).round() * scale)  # in float32, as in PyTorch


def ordered_unique(elements: Iterable[Key]) -> list[Key]:
    """Each element once, in the order of first appearance."""
    return list(dict.fromkeys(elements))


@dataclass(repr=False, frozen=True)
class TaskSpec:
    """What is timed, without its globals."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or else the statement."""
        if self.label is None and "\n" in self.stmt:
            sub = f" ({self.sub_label})" if self.sub_label else ""
            return f"stmt:{sub}\n{indent(self.stmt, '  ')}"
        sub = f": {self.sub_label}" if self.sub_label else ""
        return (self.stmt if self.label is None else self.label) + sub

    def setup_str(self) -> str:
        """The setup as a summary shows it."""
        if self.setup in ("", "pass"):
            return ""
        many = "\n" in self.setup
        return f"setup:\n{indent(self.setup, '  ')}" if many else f"setup: {self.setup}"

    def summarize(self) -> str:
        """Title, description and setup, one below the other."""
        parts = (self.title, self.description or "", self.setup_str())
        return "\n".join(part + "\n" * ("\n" in part) for part in parts if part)


_SPEC_FIELDS = frozenset(field.name for field in fields(TaskSpec))


def _quantile(ordered: list[float], q: float) -> float:
    """The quantile between its two neighbours."""
    place = q * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@dataclass(repr=False)
class Measurement:
    """Times of one statement, in seconds: `raw_times` for `number_per_run` runs each.

    The fields of `task_spec` are attributes, too.
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        if name in _SPEC_FIELDS:
            return getattr(self.task_spec, name)
        raise AttributeError(f"'Measurement' object has no attribute '{name}'")

    @property
    def times(self) -> list[float]:
        """Seconds per run, as measured."""
        return [t / self.number_per_run for t in self.raw_times]

    def _at(self, q: float) -> float:
        return _quantile(sorted(self.times), q) if self.raw_times else -1.0

    @property
    def median(self) -> float:
        """The median, in seconds."""
        return self._at(0.5)

    @property
    def mean(self) -> float:
        """The mean, in seconds."""
        return fmean(self.times) if self.raw_times else -1.0

    @property
    def iqr(self) -> float:
        """From the first to the third quartile, in seconds."""
        return self._at(0.75) - self._at(0.25)

    @property
    def significant_figures(self) -> int:
        """How many digits of the median mean something, by the spread between the quartiles."""
        ordered, n = sorted(self.times), len(self.raw_times)
        middle = ordered[n // 4 : math.ceil(3 * n / 4)]
        interval = max(1.645 * pstdev(middle) / math.sqrt(len(middle)), 25e-9)
        return min(max(math.floor(math.log10(self.median / interval)), 1), 4)

    def meets_confidence(self, threshold: float = _SHAKY) -> bool:
        """Whether the quartiles are closer than this part of the median."""
        return self.iqr / self.median < threshold

    @property
    def _warnings(self) -> list[str]:
        if not self.raw_times or self.meets_confidence(_SHAKY):
            return []
        cause = (
            "This could indicate system fluctuation."
            if self.meets_confidence(_UNRELIABLE)
            else "This suggests significant environmental influence."
        )
        part = self.iqr / self.median * 100
        return [
            f"  WARNING: Interquartile range is {part:.1f}% of the median measurement.",
            f"           {cause}",
        ]

    @property
    def has_warnings(self) -> bool:
        """Whether the times differ too much to rely on the median."""
        return bool(self._warnings)

    @property
    def title(self) -> str:
        """The label, or else the statement."""
        return self.task_spec.title

    @property
    def as_row_name(self) -> str:
        """How `Compare` names the row."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    def __repr__(self) -> str:
        unit, scale = select_unit(self.median)
        n, threads = len(self.raw_times), self.task_spec.num_threads
        many = n > 1
        low, middle, high = (self._at(q) / scale for q in (0.25, 0.5, 0.75))
        lines = [
            object.__repr__(self),
            self.task_spec.summarize(),
            f"  {'Median: ' if many else ''}{middle:.2f} {unit}",
        ]
        if n >= 4:
            lines.append(f"  IQR:    {high - low:.2f} {unit} ({low:.2f} to {high:.2f})")
        lines.append(
            f"  {n} measurement{'s' if many else ''}, {self.number_per_run} runs "
            f"{'per measurement,' if many else ','} {threads} thread{'s' if threads > 1 else ''}"
        )
        return "\n".join(lines + self._warnings)

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """One measurement per task, of all its times."""
        times: dict[TaskSpec, list[float]] = {}
        for each in measurements:
            times.setdefault(each.task_spec, []).extend(each.times)
        return [Measurement(1, together, spec) for spec, together in times.items()]
