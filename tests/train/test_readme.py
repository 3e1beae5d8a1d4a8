"""README is true: its Python runs, and importing the package stays light."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_python_block_runs(number: int) -> None:
    exec(compile(BLOCKS[number], f"README.md block {number}", "exec"), {"__name__": "__main__"})


def test_readme_has_python() -> None:
    assert BLOCKS


@pytest.mark.parametrize("file", re.findall(r"\]\(((?!https?:)[^)#]+)\)", README))
def test_links_lead_somewhere(file: str) -> None:
    assert (ROOT / file).exists()


def test_import_loads_nothing_heavy() -> None:
    heavy = ["numpy", "PIL", "tqdm", "tensorboard", "safetensors", "multiprocessing"]
    code = f"import pyrite, sys; print([name for name in {heavy} if name in sys.modules])"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.stdout == "[]\n", result.stderr
