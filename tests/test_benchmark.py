"""`utils.benchmark`: texts recorded with PyTorch 2.13.0 from given times, and timers that run."""

from __future__ import annotations

import re

import pytest

import pyrite as torch
from pyrite.utils import benchmark
from recorded import cases, check

TEXTS = cases("benchmark")


@pytest.mark.parametrize("expression", TEXTS)
def test_outcome_is_pytorchs(expression: str) -> None:
    check(expression, TEXTS[expression])


def test_timers_measure() -> None:
    timer = benchmark.Timer(
        """
            y = x + torch.ones(3)
        """,
        globals={"x": torch.ones(3)},
        label="sum",
        num_threads=1,
    )
    once = timer.timeit(20)
    assert (once.stmt, once.number_per_run, len(once.times)) == ("y = x + torch.ones(3)", 20, 1)
    heard: list[int] = []
    blocks = timer.blocked_autorange(lambda number, seconds: heard.append(number), 0.01)
    assert sum(blocks.raw_times) >= 0.01
    assert heard == [blocks.number_per_run] * len(blocks.raw_times)
    assert timer.adaptive_autorange(max_run_time=0.05).median > 0
    assert re.search(r"sum\n  .*\d [num]?s\n", repr(once))


def test_threads_come_back() -> None:
    before = torch.get_num_threads()
    seen: list[int] = []
    benchmark.Timer("f()", globals={"f": lambda: seen.append(torch.get_num_threads())}).timeit(2)
    assert set(seen) == {1}
    assert torch.get_num_threads() == before


def test_what_is_not_built_says_so() -> None:
    with pytest.raises(NotImplementedError, match="C\\+\\+"):
        benchmark.Timer("1", language="cpp")
    with pytest.raises(NotImplementedError, match="instruction counts"):
        benchmark.Timer().collect_callgrind()
