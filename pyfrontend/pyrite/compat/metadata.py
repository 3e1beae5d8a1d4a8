"""What `importlib.metadata` says of a package `torch` while that name means Pyrite.

Programs ask for `version("torch")` beside `torch.__version__`. `import pyrite` installs the finder;
it answers only where `torch` is this package, by whatever hook, so a real PyTorch is never hidden.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_ALIAS = "torch"
_PACKAGE = "pyrite"


class TorchMetadata:
    """A finder on `sys.meta_path` of the metadata of `torch`, and of no modules."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        """None: modules are found elsewhere."""

    def find_distributions(self, context: Any) -> Iterator[Distribution]:
        """The distribution `torch`, where that is Pyrite."""
        package = sys.modules.get(_ALIAS)
        if context.name == _ALIAS and package is not None and package is sys.modules[_PACKAGE]:
            yield distribution()


def distribution() -> Distribution:
    """What installers would say of a package `torch`."""
    from importlib.metadata import Distribution

    from pyrite.version import TORCH_VERSION

    class TorchDistribution(Distribution):
        def read_text(self, filename: str) -> str | None:
            """The metadata file; the package has no other."""
            fields = f"Metadata-Version: 2.1\nName: {_ALIAS}\nVersion: {TORCH_VERSION}\n"
            return fields if filename == "METADATA" else None

        def locate_file(self, path: Any) -> Path:
            """Files lie where the package does."""
            return Path(__file__).parents[1].joinpath(path)

    return TorchDistribution()


def install() -> None:
    """Lets `importlib.metadata` ask this module first."""
    if not any(isinstance(finder, TorchMetadata) for finder in sys.meta_path):
        sys.meta_path.insert(0, TorchMetadata())
