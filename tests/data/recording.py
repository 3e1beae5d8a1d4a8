"""What recording scripts share: outcomes of expressions with PyTorch, written to a JSON file."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch

from outcome import outcome


def require_reference() -> None:
    """Stops unless PyTorch is the version that Pyrite follows; its warnings are not recorded."""
    if not torch.__version__.startswith("2.13.0"):
        raise SystemExit(f"the reference is PyTorch 2.13.0, not {torch.__version__}")
    warnings.simplefilter("ignore")


def record(name: str, expressions: str) -> None:
    """Writes one outcome a line."""
    rows = {expression: outcome(expression, torch) for expression in expressions.splitlines()}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in rows.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    Path(__file__).with_name(f"{name}.json").write_text(text, encoding="utf-8")
