"""`pyrite run`: programs written for PyTorch, in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyrite", "run", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


SCRIPT = """\
import sys
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from importlib.metadata import version
import pyrite
import helper

assert torch is pyrite and nn.Linear is pyrite.nn.Linear
assert __name__ == "__main__" and sys.argv == ["script.py", "--steps", "3"], sys.argv
assert torch.__version__ == version("torch") == "2.13.0+pyrite"
assert torch.__version__ >= "2.0"
assert torch.__name__ == "torch"
torch.manual_seed(0)
model = nn.Linear(2, 1)
data = TensorDataset(torch.randn(8, 2), torch.randn(8, 1))
for x, y in DataLoader(data, batch_size=4):
    F.mse_loss(model(x), y).backward()
print("done", helper.VALUE, tuple(model.weight.grad.shape))
"""


def test_script_sees_pyrite_as_torch(tmp_path: Path) -> None:
    write(tmp_path, "script.py", SCRIPT)
    write(tmp_path, "helper.py", "import torch\nVALUE = torch.ones(2).sum().item()\n")
    result = run(tmp_path, "script.py", "--steps", "3")
    assert (result.returncode, result.stdout) == (0, "done 2.0 (1, 2)\n"), result.stderr


def test_module_runs_as_main(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    write(tmp_path, "package/__init__.py", "")
    write(
        tmp_path,
        "package/job.py",
        "import sys, torch\nprint(__name__, sys.argv[1:], torch.ones(1))",
    )
    result = run(tmp_path, "-m", "package.job", "-q", "1")
    assert result.stdout == "__main__ ['-q', '1'] tensor([1.])\n", result.stderr


def notebook(*cells: str) -> str:
    rows = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    rows.insert(0, {"cell_type": "markdown", "source": ["# Title"]})
    return json.dumps({"cells": rows})


def test_notebook_prints_last_values_and_leaves_out_magics(tmp_path: Path) -> None:
    cells = [
        "%matplotlib inline\n!pip install torch\nimport torch\ntorch.ones(2)",
        "%%time\nx = torch.ones(3)\nx.sum()",
        "x.sum();",
        "%%bash\nexit 1",
        "text = '''\n%kept\n'''\n%time y = x + 1\ndisplay(text, y)",
    ]
    write(tmp_path, "book.ipynb", notebook(*cells))
    result = run(tmp_path, "book.ipynb")
    printed = ["tensor([1., 1.])", "tensor(3.)", r"'\n%kept\n'", "tensor([2., 2., 2.])"]
    assert result.stdout.splitlines() == printed, result.stderr
    left_out = [line.rpartition(": ")[2] for line in result.stderr.splitlines()]
    assert left_out == ["%matplotlib inline", "!pip install torch", "%%bash"]


def test_notebook_error_shows_the_cells_line(tmp_path: Path) -> None:
    write(tmp_path, "book.ipynb", notebook("import torch", "x = 1\nx.missing"))
    result = run(tmp_path, "book.ipynb")
    assert result.returncode == 1
    assert 'File "book.ipynb:cell 1", line 2' in result.stderr and "x.missing" in result.stderr


def test_traceback_begins_in_the_program(tmp_path: Path) -> None:
    write(tmp_path, "broken.py", "import torch\ntorch.ones(2) @ torch.ones(3)\n")
    result = run(tmp_path, "broken.py")
    lines = result.stderr.splitlines()
    assert result.returncode == 1
    assert lines[0].startswith("Traceback") and 'broken.py", line 2' in lines[1]
    assert "RuntimeError" in result.stderr


def test_exit_status_is_the_programs(tmp_path: Path) -> None:
    write(tmp_path, "exits.py", "import sys\nsys.exit(7)\n")
    assert run(tmp_path, "exits.py").returncode == 7


TESTS = """\
import unittest
import torch

def test_sum():
    assert torch.ones(2).sum() == 2

class Case(unittest.TestCase):
    def test_size(self):
        self.assertEqual(torch.ones(2).numel(), {size})
"""


@pytest.mark.parametrize(("size", "status"), [(2, 0), (3, 1)])
def test_test_file_calls_its_tests(size: int, status: int, tmp_path: Path) -> None:
    write(tmp_path, "test_client.py", TESTS.format(size=size))
    result = run(tmp_path, "test_client.py")
    assert (result.returncode, result.stdout) == (status, "ok test_sum\n")
    assert "Ran 1 test" in result.stderr


def test_test_with_fixtures_points_to_pytest(tmp_path: Path) -> None:
    write(tmp_path, "test_client.py", "def test_a(tmp_path): pass\n")
    result = run(tmp_path, "test_client.py")
    assert result.returncode == 1 and "pyrite run -m pytest" in result.stderr


CHILD = """\
import multiprocessing, subprocess, sys
import torch

def work(queue):
    queue.put((torch.__version__, torch._C.__name__))

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=work, args=(queue,))
    process.start()
    print(queue.get(timeout=60))
    process.join()
    subprocess.run([sys.executable, "-c", "import torch; print(torch.__version__)"], check=True)
"""


def test_child_processes_see_pyrite_as_torch(tmp_path: Path) -> None:
    write(tmp_path, "parent.py", CHILD)
    result = run(tmp_path, "parent.py")
    expected = ["('2.13.0+pyrite', 'pyrite._C')", "2.13.0+pyrite"]
    assert sorted(result.stdout.splitlines()) == expected, result.stderr


def test_missing_names_are_spelt_as_torch(tmp_path: Path) -> None:
    write(tmp_path, "missing.py", "import torch.not_there\n")
    result = run(tmp_path, "missing.py")
    assert "No module named 'torch.not_there'" in result.stderr


def test_missing_program_is_wrong_use(tmp_path: Path) -> None:
    result = run(tmp_path, "nowhere.py")
    assert (result.returncode, result.stderr) == (2, "pyrite run: no such file: nowhere.py\n")


def test_import_pyrite_alone_keeps_its_own_version(tmp_path: Path) -> None:
    code = "import pyrite, sys; print(pyrite.__version__, 'torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.stdout == "0.1.0 False\n", result.stderr


def test_metadata_follows_the_name_torch(tmp_path: Path) -> None:
    lines = [
        "import sys, pyrite",
        "from importlib.metadata import PackageNotFoundError, version",
        "try: before = version('torch')",
        "except PackageNotFoundError: before = None",
        "sys.modules['torch'] = pyrite",
        "print(before, version('torch'))",
    ]
    write(tmp_path, "other_hook.py", "\n".join(lines))
    result = subprocess.run(
        [sys.executable, "other_hook.py"], cwd=tmp_path, capture_output=True, text=True
    )
    before, after = result.stdout.split()
    assert before != after == "2.13.0+pyrite", result.stderr
