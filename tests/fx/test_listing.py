"""Every case of data/fx.json: graphs, code and errors read as PyTorch's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pyrite
import pyrite.fx
from tracing import told

PATH = Path(__file__).parent.parent / "data" / "fx.json"
CASES = json.loads(PATH.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("expression", "expected"), CASES.items())
def test_text_is_pytorchs(expression: str, expected: str) -> None:
    assert told(expression, pyrite, pyrite.fx) == expected
