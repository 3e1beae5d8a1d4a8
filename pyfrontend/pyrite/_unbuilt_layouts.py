"""Layouts that exist as names only, and the functions that would make tensors of them.

Layer: Python front end. To `isinstance` they are layouts; programs compare a tensor's with them.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._doors import door_function

__all__ = [
    "jagged",
    "sparse_bsc",
    "sparse_bsr",
    "sparse_compressed_tensor",
    "sparse_coo",
    "sparse_coo_tensor",
    "sparse_csc",
    "sparse_csc_tensor",
    "sparse_csr",
    "sparse_csr_tensor",
]

_MISSING = "sparse tensors"


class UnbuiltLayout:
    """A layout that no tensor has."""

    __class__: Any = property(lambda self: _C.layout)  # what `isinstance` sees

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"{_C._display_name()}.{self._name}"

    def __reduce__(self) -> str:
        return self._name


jagged = UnbuiltLayout("jagged")
sparse_bsc = UnbuiltLayout("sparse_bsc")
sparse_bsr = UnbuiltLayout("sparse_bsr")
sparse_coo = UnbuiltLayout("sparse_coo")
sparse_csc = UnbuiltLayout("sparse_csc")
sparse_csr = UnbuiltLayout("sparse_csr")
sparse_compressed_tensor = door_function("sparse_compressed_tensor", _MISSING)
sparse_coo_tensor = door_function("sparse_coo_tensor", _MISSING)
sparse_csc_tensor = door_function("sparse_csc_tensor", _MISSING)
sparse_csr_tensor = door_function("sparse_csr_tensor", _MISSING)
