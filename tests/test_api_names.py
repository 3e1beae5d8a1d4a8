"""The names programs use most exist: `data/api_names.txt` and the forms of indexing beside it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

import pyrite

NAMES = [
    line
    for line in (Path(__file__).parent / "data/api_names.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


def found(path: str) -> Any:
    """The object at a dotted path below the package; modules are imported on the way."""
    owner: Any = pyrite
    for name in path.split("."):
        if not hasattr(owner, name) and hasattr(owner, "__path__"):
            importlib.import_module(f"{owner.__name__}.{name}")
        owner = getattr(owner, name)
    return owner


def exists(path: str) -> bool:
    """Whether the dotted path leads to anything."""
    try:
        found(path)
    except (AttributeError, ImportError):
        return False
    return True


def test_no_name_is_missing():
    missing = [name for name in NAMES if not exists(name)]
    print("missing names:", ", ".join(missing) or "none")
    assert not missing


FORMS = {
    "@": lambda x: x @ x.T,
    "x[..., 0]": lambda x: x[..., 0],
    "x[None]": lambda x: x[None],
    "x[::2]": lambda x: x[::2],
    "x[1:, :2]": lambda x: x[1:, :2],
    "x[1:, :2] = 0": lambda x: x.__setitem__((slice(1, None), slice(None, 2)), 0),
    "x[x > 0] = 0": lambda x: x.__setitem__(x > 0, 0),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_indexing(form):
    x = pyrite.arange(6.0).reshape(2, 3)
    result = FORMS[form](x)
    assert result is None or isinstance(result, pyrite.Tensor)
    assert result is not None or (x == 0).any()
