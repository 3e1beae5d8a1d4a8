"""What public programs showed to differ from PyTorch, or to be missing."""

from __future__ import annotations

import pytest

from recorded import cases, check

FOUND = cases("found_in_programs")


@pytest.mark.parametrize("expression", FOUND)
def test_outcome_is_pytorchs(expression: str) -> None:
    check(expression, FOUND[expression])
