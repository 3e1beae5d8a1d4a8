"""Start-up of a Python process that a program under `pyrite run` starts: installs the hook.

Found through `PYTHONPATH` (spawned DataLoader workers, `subprocess`). It then steps aside, so that
a `sitecustomize` of the user's environment runs as well.
"""

import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path

_HERE = Path(__file__).parent


def _install_alias() -> None:
    spec = importlib.util.spec_from_file_location("_pyrite_alias", _HERE.parent / "alias.py")
    assert spec is not None and spec.loader is not None, "a .py file always has a loader"
    alias = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(alias)
    alias.install()


def _run_next_sitecustomize() -> None:
    sys.path[:] = [path for path in sys.path if Path(path) != _HERE]
    spec = PathFinder.find_spec("sitecustomize")
    if spec is not None and spec.loader is not None:
        sys.modules["sitecustomize"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


_install_alias()
_run_next_sitecustomize()
