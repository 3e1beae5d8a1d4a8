"""PyTorch's module path of the collation registry."""

from . import collate

__all__ = ["collate"]
