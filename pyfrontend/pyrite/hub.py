"""Models published as repositories: local ones load, nothing is downloaded.

A repository is a folder with `hubconf.py`, whose public functions are the entry points.
Source: https://docs.pytorch.org/docs/stable/hub.html
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlparse as urlparse

from pyrite._doors import door_function, not_built

__all__ = [
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "set_dir",
]

_MISSING = "downloads"
_INERT = ("trust_repo", "force_reload", "verbose", "skip_validation")

download_url_to_file = door_function("hub.download_url_to_file", _MISSING)
load_state_dict_from_url = door_function("hub.load_state_dict_from_url", _MISSING)

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
"""How the file names of published weights say the start of their SHA-256."""

_chosen_dir: str | None = None


def get_dir() -> str:
    """The folder of repositories: that of `set_dir`, TORCH_HOME/hub, or ~/.cache/torch/hub."""
    if _chosen_dir is not None:
        return _chosen_dir
    return os.path.join(_get_torch_home(), "hub")


def _get_torch_home() -> str:
    """The folder for all that is downloaded: TORCH_HOME, or torch in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))


def set_dir(d: str | os.PathLike[str]) -> None:
    """Chooses the folder for downloaded repositories."""
    global _chosen_dir
    _chosen_dir = os.path.expanduser(d)


def list(repo_or_dir: str, source: str = "github", **inert: Any) -> list[str]:  # type: ignore[valid-type]
    """The names of a local repository's entry points.

    Args:
        repo_or_dir: the folder.
        source: "local".
        inert: what only downloads look at: `trust_repo`, `force_reload`, `verbose` and
            `skip_validation`.

    Raises:
        NotImplementedError: a repository that would have to be downloaded.
        TypeError: another keyword.
    """
    _check_inert("list", inert)
    module = _entry_points("hub.list", repo_or_dir, source)
    return [name for name, value in vars(module).items() if callable(value) and name[0] != "_"]


def help(repo_or_dir: str, model: str, source: str = "github", **inert: Any) -> str | None:
    """The docstring of an entry point of a local repository; arguments as for `list`.

    Raises:
        NotImplementedError: a repository that would have to be downloaded.
        RuntimeError: there is no such entry point.
        TypeError: another keyword.
    """
    _check_inert("help", inert)
    doc: str | None = _entry_point("hub.help", repo_or_dir, model, source).__doc__
    return doc


def load(repo_or_dir: str, model: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
    """Calls an entry point of a local repository with the remaining arguments.

    Raises:
        NotImplementedError: a repository that would have to be downloaded.
        RuntimeError: there is no such entry point.
    """
    for inert in _INERT:
        kwargs.pop(inert, None)
    return _entry_point("hub.load", repo_or_dir, model, source)(*args, **kwargs)


def _check_inert(caller: str, given: dict[str, Any]) -> None:
    for name in given:
        if name not in _INERT:
            raise TypeError(f"{caller}() got an unexpected keyword argument '{name}'")


def _entry_point(caller: str, folder: str, model: str, source: str) -> Any:
    entry = getattr(_entry_points(caller, folder, source), model, None)
    if not callable(entry):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    return entry


def _entry_points(caller: str, folder: str, source: str) -> ModuleType:
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "github":
        raise not_built(f'{caller} with source="github"', _MISSING)
    path = Path(folder, "hubconf.py").resolve()
    spec = importlib.util.spec_from_file_location("hubconf", path)
    if spec is None or spec.loader is None or not path.exists():
        raise FileNotFoundError(2, "No such file or directory", str(path))
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module
