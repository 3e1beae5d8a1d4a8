"""Measures Python statements: warmed up, on a given number of threads, in blocks.

Blocks are long enough that reading the clock does not count.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from statistics import median
from textwrap import dedent
from typing import Any, NoReturn

import pyrite
from pyrite._doors import not_built

from .measurement import Measurement, TaskSpec

__all__ = ["Language", "Timer", "set_torch_threads", "timer"]

_MOST_RUNS = 2**31 - 1


class Language(IntEnum):
    """Of what is timed."""

    PYTHON = 0
    CPP = 1


def timer() -> float:
    """The clock in seconds, read after a GPU has finished its work."""
    if pyrite.gpu.is_initialized():
        pyrite.gpu.synchronize()
    return timeit.default_timer()


@contextmanager
def set_torch_threads(n: int) -> Iterator[None]:
    """Computes on `n` threads inside of the context."""
    before = pyrite.get_num_threads()
    try:
        pyrite.set_num_threads(n)
        yield
    finally:
        pyrite.set_num_threads(before)


def _plain(code: str) -> str:
    """Code of an indented string, without what only the indentation put there."""
    return dedent(code).removeprefix("\n").rstrip()


class Timer:
    """Times the statement `stmt`, after `setup`, both Python source.

    Args:
        globals: the names the code sees; the package is `torch` there.
        label: with `sub_label`, `description` and `env`, names of rows and columns in `Compare`.
        num_threads: on which the package computes meanwhile.
        language: "python"; C++ needs a compiler for PyTorch's own headers.

    Example:
        >>> from pyrite.utils.benchmark import Timer
        >>> m = Timer("x + 1", globals={"x": 1}).timeit(100)
        >>> m.number_per_run, m.median > 0
        (100, True)
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Language | str = Language.PYTHON,
    ) -> None:
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if language in (Language.CPP, "cpp", "c++"):
            raise not_built("utils.benchmark.Timer(language='c++')", "timing of C++ code")
        if language not in (Language.PYTHON, "py", "python"):
            raise ValueError(f"Invalid language `{language}`.")
        if global_setup:
            raise ValueError(
                f"global_setup is C++ only, got `{global_setup}`. Most likely this code can "
                "simply be moved to `setup`."
            )
        names = {"torch": pyrite, **(globals or {})}
        stmt, setup = _plain(stmt), _plain(setup)
        self._timer = timeit.Timer(stmt, setup, timer, names)
        self._task_spec = TaskSpec(
            stmt, setup, global_setup, label, sub_label, description, env, num_threads
        )

    def _seconds(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    def _measured(self, number: int, times: list[float]) -> Measurement:
        return Measurement(number, times, self._task_spec)

    def timeit(self, number: int = 1000000) -> Measurement:
        """One measurement of `number` runs, after a hundredth of them to warm up."""
        with set_torch_threads(self._task_spec.num_threads):
            self._seconds(max(number // 100, 2))
            return self._measured(number, [self._seconds(number)])

    def repeat(self, repeat: int = -1, number: int = -1) -> NoReturn:
        """Not available, in PyTorch as well."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def autorange(self, callback: Callable[[int, float], Any] | None = None) -> NoReturn:
        """Not available, in PyTorch as well."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def collect_callgrind(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not available: counts instructions in PyTorch's own build."""
        raise not_built("utils.benchmark.Timer.collect_callgrind", "instruction counts")

    def _block(self, min_run_time: float) -> int:
        """How many runs make a block that the clock's own time does not distort."""
        with set_torch_threads(self._task_spec.num_threads):
            overhead = median(self._seconds(0) for _ in range(5))
            number = 1
            while True:
                taken = self._seconds(number)
                long_enough = overhead / taken <= 1e-4 and taken >= min_run_time / 1000
                if long_enough or taken > min_run_time or number * 10 > _MOST_RUNS:
                    return number
                number *= 10

    def _blocks(
        self,
        number: int,
        enough: Callable[[list[float]], bool],
        callback: Callable[[int, float], Any] | None,
    ) -> Measurement:
        """Blocks until their times are enough."""
        times: list[float] = []
        with set_torch_threads(self._task_spec.num_threads):
            while not enough(times):
                times.append(self._seconds(number))
                if callback:
                    callback(number, times[-1])
        return self._measured(number, times)

    def blocked_autorange(
        self,
        callback: Callable[[int, float], Any] | None = None,
        min_run_time: float = 0.2,
    ) -> Measurement:
        """Blocks of runs for `min_run_time` seconds; `callback(runs, seconds)` hears of each."""
        number = self._block(min_run_time)
        return self._blocks(
            number, lambda times: bool(times) and sum(times) >= min_run_time, callback
        )

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Blocks of runs until their quartiles are closer than `threshold` of the median.

        At least `min_run_time`, at most about `max_run_time` seconds.
        """
        number = self._block(0.05)

        def enough(times: list[float]) -> bool:
            total = sum(times)
            if max_run_time and total > max_run_time:
                return True
            steady = len(times) > 3 and self._measured(number, times).meets_confidence(threshold)
            return steady and total >= min_run_time

        return self._blocks(number, enough, callback)
