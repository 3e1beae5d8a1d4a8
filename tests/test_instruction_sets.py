"""`PYRITE_CPU_CAPABILITY` lowers the instruction set; recorded values hold under each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pyrite import _C

HERE = Path(__file__).parent
LEVELS = ["default", *_C._cpu_features()]
KERNELS = """
    exp log tanh sin erf sigmoid sqrt reciprocal sum mean var norm softmax matmul bmm linear conv
    pool attention gelu silu sort cumsum index scatter gather embedding interpolate lstm gru fft
    svd where
"""


def run(level: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python with these arguments under an instruction set."""
    environment = {**os.environ, "PYRITE_CPU_CAPABILITY": level}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110)


@pytest.mark.parametrize("level", LEVELS)
def test_the_environment_is_obeyed(level: str) -> None:
    code = "import pyrite; print(pyrite.backends.cpu.get_cpu_capability())"
    assert run(level, "-c", code).stdout == f"{level.upper()}\n"


def test_other_values_are_refused() -> None:
    errors = run("sse", "-c", "import pyrite").stderr
    assert "PYRITE_CPU_CAPABILITY must be default, avx2 or avx512; got" in errors


@pytest.mark.parametrize("level", LEVELS[:-1])  # the last one runs all tests anyway
def test_recorded_values_hold(level: str) -> None:
    file, names = str(HERE / "test_ops_forward.py"), " or ".join(KERNELS.split())
    result = run(level, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", names, file)
    assert result.returncode == 0, result.stdout
