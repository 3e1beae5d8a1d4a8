"""Comparing an expression's outcome with one recorded by PyTorch.

Values agree within a tolerance; errors by type (ours may be a subclass) and by the first line.
"""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pyrite
from outcome import close, outcome

__all__ = ["cases", "check"]


def cases(name: str) -> dict[str, dict[str, Any]]:
    """The recorded outcomes of `data/<name>.json`, by expression."""
    text = (Path(__file__).parent / f"data/{name}.json").read_text(encoding="utf-8")
    table: dict[str, dict[str, Any]] = json.loads(text)
    return table


def check(expression: str, expected: dict[str, Any]) -> None:
    """Fails unless `expression` gives what was recorded."""
    found = outcome(expression, pyrite)
    if "error" not in expected:
        assert "error" not in found, f"{found['error']}: {found['text']}"
        assert close(found["value"], expected["value"]), found["value"]
        return
    assert "error" in found, f"no error but {found['value']!r}"
    kind = getattr(pyrite, found["error"], None) or getattr(builtins, found["error"])
    wanted = getattr(builtins, expected["error"])
    assert issubclass(kind, wanted), found["error"]
    assert found["text"].split("\n")[0] == expected["text"].split("\n")[0]
