"""First names from many languages, in lower-case ASCII, written down for this package."""

from __future__ import annotations

from importlib.resources import files


def names() -> list[str]:
    """The names in alphabetical order, `a` to `z` only, each once."""
    return files(__package__).joinpath("names.txt").read_text(encoding="ascii").split()
