"""GPU tests need an adapter; a software one counts with PYRITE_SOFTWARE_GPU=1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyrite import gpu

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def finished() -> Iterator[None]:
    """What a test asked of the device fails in that test, not at a wait of a later one."""
    yield
    if gpu.is_available():
        gpu.synchronize()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips every test of this folder, with the reason for each adapter, where there is no GPU."""
    if gpu.is_available():
        return
    tried = [f"{a['name']}: {a['refusal']}" for a in gpu.adapters()] or ["no driver answered"]
    reason = "NO GPU, nothing was tested on one: " + "; ".join(tried)
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))
