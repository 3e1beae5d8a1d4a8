"""Programs written for PyTorch print under `pyrite run` what they print on PyTorch 2.13.0.

`programs/__main__.py` runs them all and says how `data/programs.json` was recorded.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
RECORDED = json.loads((HERE.parent / "data/programs.json").read_text(encoding="utf-8"))
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?")


@pytest.fixture(scope="module")
def printed() -> dict[str, list[str]]:
    command = [sys.executable, "-W", "ignore", "-m", "pyrite", "run", "-m", "programs"]
    result = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=110)
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout))


def agree(left: str, right: str) -> bool:
    """Same text, and numbers within the thousandth that rounding errors grow to in training."""
    numbers = zip(NUMBER.findall(left), NUMBER.findall(right), strict=False)
    return NUMBER.sub("#", left) == NUMBER.sub("#", right) and all(
        math.isclose(float(a), float(b), rel_tol=1e-3, abs_tol=2e-5) for a, b in numbers
    )


def test_every_program_is_recorded() -> None:
    programs = {path.stem for path in (HERE / "programs").glob("[a-z]*.py")}
    assert programs == RECORDED.keys()


@pytest.mark.parametrize("name", RECORDED)
def test_prints_what_pytorch_prints(name: str, printed: dict[str, list[str]]) -> None:
    expected, found = RECORDED[name], printed[name]
    wrong = [pair for pair in zip(expected, found, strict=False) if not agree(*pair)]
    assert not wrong and len(found) == len(expected), wrong or found[len(expected) - 1 :]
