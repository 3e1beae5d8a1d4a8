"""Fixtures of all tests: every test starts from the same global state and leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import pyrite as torch


@pytest.fixture(autouse=True)
def global_state() -> Iterator[None]:
    """Seed 0 before the test; default dtype, grad mode and thread count as before after it."""
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(dtype)
    torch.set_grad_enabled(True)
    torch.set_num_threads(threads)


@pytest.fixture(params=["cpu"])
def device(request: pytest.FixtureRequest) -> str:
    """Each device that this machine has."""
    return str(request.param)


@pytest.fixture(params=["float32", "float64", "float16", "bfloat16"])
def float_dtype(request: pytest.FixtureRequest) -> torch.dtype:
    """Each floating dtype."""
    return getattr(torch, request.param)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of what is not built yet, by name in known_gaps.txt: they must go on failing.

    A line that starts to pass turns the run red until it is taken off the list, so that the list
    only says what is true.
    """
    gaps = set((Path(__file__).parent / "known_gaps.txt").read_text().split("\n"))
    for item in items:
        if item.nodeid in gaps:
            item.add_marker(pytest.mark.xfail(reason="known gap", strict=True))
