"""The import hook behind `pyrite run`: the name `torch` gives Pyrite's own module objects.

`import torch.nn` yields the very module `pyrite.nn`, one class under two names.
This file imports nothing of the package: a child process loads it by path before `pyrite` itself.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_ALIAS = "torch"
_PACKAGE = "pyrite"


class TorchAlias(MetaPathFinder, Loader):
    """Finds `torch[.x.y]` and loads it as `pyrite[.x.y]`."""

    def __init__(self) -> None:
        self._own_specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for the alias of a module that exists; None leaves the usual "No module named"."""
        if fullname.partition(".")[0] != _ALIAS:
            return None
        name = _PACKAGE + fullname.removeprefix(_ALIAS)
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The package's module; its own spec is put aside, the import system overwrites it."""
        module = importlib.import_module(_PACKAGE + spec.name.removeprefix(_ALIAS))
        self._own_specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """The module has run already: gives it back its spec, and `torch` its version."""
        spec = module.__spec__
        assert spec is not None, "the import system sets a spec before it executes a module"
        module.__spec__ = self._own_specs.pop(spec.name)
        if spec.name == _ALIAS:
            _answer_as_pytorch(module)

    def find_distributions(self, context: Any) -> Iterator[Distribution]:
        """`importlib.metadata.version("torch")` answers before the first import of `torch`, too."""
        if context.name == _ALIAS:
            from pyrite.compat.metadata import distribution

            yield distribution()


def _answer_as_pytorch(package: ModuleType) -> None:
    from pyrite.torch_version import TorchVersion
    from pyrite.version import TORCH_VERSION

    package.__version__ = TorchVersion(TORCH_VERSION)  # type: ignore[attr-defined]
    # Programs compare it (Pyro patches what it finds below `torch.__name__`); imports within the
    # package go by `__package__` and absolute names.
    package.__name__ = _ALIAS
    package.torch = package  # type: ignore[attr-defined]


def install() -> None:
    """Installs the hook in this process and, through `PYTHONPATH`, in Python processes it starts.

    Raises:
        RuntimeError: another module named `torch` has been imported already.
    """
    present = sys.modules.get(_ALIAS)
    if present is not None and present is not sys.modules.get(_PACKAGE):
        raise RuntimeError("torch has been imported already; install before its first import")
    if not any(isinstance(finder, TorchAlias) for finder in sys.meta_path):
        sys.meta_path.insert(0, TorchAlias())
    child = str(Path(__file__).parent / "child")
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if child not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([child, *paths])
