"""PyTorch's module path of the collation registry; the code is in `pyrite.utils.data.collate`."""

from ..collate import collate, default_collate, default_collate_fn_map, default_convert

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]
