"""Runs every program of this folder and prints, as JSON, the lines each of them printed.

With PyTorch 2.13.0 installed, `python -m programs > ../data/programs.json` in `tests/train` records
what the tests expect; they run the same command by `pyrite run -m programs`.
"""

import contextlib
import io
import json
import runpy
from pathlib import Path

import torch


def printed(path: Path) -> list[str]:
    """What a program prints from seed 0; last the exception that ended it, if any."""
    torch.manual_seed(0)
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
    return text.getvalue().splitlines()


programs = sorted(Path(__file__).parent.glob("[a-z]*.py"))
print(json.dumps({path.stem: printed(path) for path in programs}, indent=0))
