"""The older place of `hub.load_state_dict_from_url`; torchvision takes `tqdm` from here."""

from __future__ import annotations

from typing import Any

from pyrite.hub import load_state_dict_from_url

__all__ = ["load_state_dict_from_url", "load_url"]

load_url = load_state_dict_from_url


def __getattr__(name: str) -> Any:
    """`tqdm`, a package that is slow to import, on first use."""
    if name != "tqdm":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tqdm import tqdm

    return tqdm
