"""Methods of sparse tensors, on tensors that are not: PyTorch's errors, and doors.

Layer: Python front end, put onto the native class at import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from pyrite._C import Tensor
from pyrite._doors import not_built
from pyrite._native import add_methods

__all__: list[str] = []

_OWNERS = {
    "ccol_indices": "sparse column compressed",
    "coalesce": "sparse coordinate",
    "col_indices": "sparse row compressed",
    "crow_indices": "sparse row compressed",
    "indices": "sparse coordinate",
    "is_coalesced": "sparse coordinate",
    "row_indices": "sparse column compressed",
    "values": "sparse",
}
_MAKERS = ("to_sparse", "to_sparse_coo", "to_sparse_csc", "to_sparse_csr")


def _refused(name: str, owner: str) -> Callable[[Tensor], NoReturn]:
    def method(self: Tensor) -> NoReturn:
        raise RuntimeError(f"{name} expected {owner} tensor layout but got Strided")

    method.__doc__ = f"Of {owner} tensors only: raises RuntimeError."
    return method


def _closed(name: str) -> Callable[..., NoReturn]:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> NoReturn:
        raise not_built(f"Tensor.{name}", "sparse tensors")

    method.__doc__ = "Not available: Pyrite has no sparse tensors yet."
    return method


add_methods(Tensor, {name: _refused(name, owner) for name, owner in _OWNERS.items()})
add_methods(Tensor, {name: _closed(name) for name in _MAKERS})
