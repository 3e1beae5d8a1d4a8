"""PyTorch's module path of the collation registry; the code is in `pyrite.utils.data.collate`."""

import re

from ..collate import collate, default_collate, default_collate_fn_map, default_convert

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

np_str_obj_array_pattern = re.compile(r"[SaUO]")
