"""Version of the package, and of the PyTorch interface it answers to.

`pyrite.__version__` is the package's own version. Programs that run under `pyrite run` compare
`torch.__version__` with PyTorch releases, so there it is `TORCH_VERSION` (see `compat.alias`).
"""

from __future__ import annotations

from pyrite.torch_version import TorchVersion

__all__ = ["TORCH_VERSION", "__version__", "cuda", "debug", "git_version", "hip", "xpu"]

__version__: TorchVersion = TorchVersion("0.1.0")

TORCH_VERSION: str = "2.13.0+pyrite"
"""The PyTorch release whose interface and numbers are the reference."""

# What `torch.version` says of a build without these toolkits.
debug: bool = False
cuda: str | None = None
hip: str | None = None
xpu: str | None = None
git_version: str | None = None
