"""No op without samples, a reference, documentation, a stub entry and an error input."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import pyrite
from op_samples import SAMPLES
from op_samples.errors import ERRORS
from opinfo import OPS, OURS

HERE = Path(__file__).parent
RECORDED = json.loads((HERE / "data/ops.json").read_text(encoding="utf-8"))


def stub_names() -> set[str]:
    """Functions and methods that `_C.pyi` declares."""
    tree = ast.parse(Path(pyrite.__file__).with_name("_C.pyi").read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


STUBS = stub_names()


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_nothing_is_missing(op):
    assert op.samples(), "add samples to tests/op_samples"
    assert all(doc.strip() for doc in op.docs), "document the row"
    plain = not {"function", "method"} & op.spellings or {op.name, f"_{op.name}"} & STUBS
    assert plain, "run `cargo xtask gen`"
    assert "inplace" not in op.spellings or f"{op.name}_" in STUBS, "run `cargo xtask gen`"
    if op.name not in OURS:
        assert f"values.{op.name}" in RECORDED, "run tests/data/record_ops.py"


def test_samples_are_of_ops():
    assert set(SAMPLES) <= {op.name for op in OPS}
    assert set(ERRORS) <= {op.name for op in OPS}


def test_an_elementwise_row_says_where_to_draw_from():
    for op in OPS:
        if op.row is not None:
            low, high = op.row["sample"]
            assert low < high, op.name


def test_aliases_do_what_their_op_does():
    for entry in pyrite._C._ops():
        if entry["alias_of"] is not None:
            assert entry["overloads"][0]["schema"].startswith(entry["alias_of"])
            assert entry["name"] in STUBS
