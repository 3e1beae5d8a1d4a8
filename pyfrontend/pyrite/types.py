"""Names for annotations, as `torch.types` has them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, TypeAlias

from pyrite._C import Tensor, device, dtype, layout
from pyrite._size import Size
from pyrite.storage import TypedStorage, UntypedStorage

__all__ = ["Device", "FileLike", "Number", "Storage"]

_device: TypeAlias = device
_dtype: TypeAlias = dtype
_layout: TypeAlias = layout
_bool: TypeAlias = bool
_float: TypeAlias = float
_int: TypeAlias = int
_complex: TypeAlias = complex
_size: TypeAlias = Size | list[int] | tuple[int, ...]
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]

Number: TypeAlias = int | float | bool
Device: TypeAlias = device | str | int | None
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]
Storage: TypeAlias = TypedStorage | UntypedStorage
