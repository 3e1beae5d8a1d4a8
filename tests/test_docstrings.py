"""Examples in docstrings are true: each `>>>` runs and prints what it says.

They assume the names of `NAMES` below, and seed 0.
"""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import pytest

import pyrite
from pyrite import _C, nn, optim
from pyrite.nn import functional as F
from pyrite.utils import data

PACKAGE = Path(pyrite.__file__).parent
NAMES = {"pyrite": pyrite, "nn": nn, "optim": optim, "F": F, "data": data}


def docstrings() -> Iterator[tuple[str, str, int]]:
    """Where each docstring with an example stands: (place, text, line)."""
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if ">>>" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                if text and ">>>" in text:
                    name = getattr(node, "name", "module")
                    yield f"{path.relative_to(PACKAGE)}:{name}", text, node.body[0].lineno
    for op in _C._ops():
        for overload in op["overloads"]:
            if ">>>" in overload["doc"]:
                yield overload["schema"], overload["doc"], 0


EXAMPLES = {place: (text, line) for place, text, line in docstrings()}


@pytest.mark.parametrize("place", EXAMPLES)
def test_examples_print_what_they_say(place: str) -> None:
    text, line = EXAMPLES[place]
    example = doctest.DocTestParser().get_doctest(text, dict(NAMES), place, place, line)
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)


# What programs use most, by their number among public ones.
MOST_USED = """
    nn.Module nn.Linear nn.Conv1d nn.Conv2d nn.ConvTranspose2d nn.BatchNorm2d nn.LayerNorm
    nn.Embedding nn.LSTM nn.GRU nn.MultiheadAttention nn.TransformerEncoderLayer nn.Dropout
    nn.MaxPool2d nn.AdaptiveAvgPool2d nn.Flatten nn.Sequential nn.ModuleList nn.ModuleDict
    nn.Parameter nn.CrossEntropyLoss nn.MSELoss nn.BCEWithLogitsLoss nn.utils.clip_grad_norm_
    nn.init.xavier_uniform_ nn.functional.cross_entropy nn.functional.softmax
    optim.SGD optim.Adam optim.AdamW optim.lr_scheduler.StepLR optim.lr_scheduler.LambdaLR
    optim.lr_scheduler.CosineAnnealingLR utils.data.Dataset utils.data.DataLoader
    utils.data.TensorDataset utils.data.random_split utils.checkpoint.checkpoint
    save load no_grad manual_seed einsum autograd.grad autograd.Function autocast
    distributions.Normal distributions.Categorical
""".split()


@pytest.mark.parametrize("name", MOST_USED)
def test_what_programs_use_most_has_an_example(name: str) -> None:
    assert ">>>" in reduce(getattr, name.split("."), pyrite).__doc__
