"""Methods of sparse tensors on those that are not: PyTorch's errors, and changes of layout.

Layer: Python front end, put onto the native class at import; `pyrite.sparse` loads when one makes
a sparse tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from pyrite._C import Tensor
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
_MAKERS = {
    "sparse_mask": "The elements at the places of a sparse mask.",
    "to_sparse": "The elements that are not zero, as a sparse tensor.",
    "to_sparse_csc": "The elements of a matrix that are not zero, by compressed columns.",
    "to_sparse_csr": "The elements of a matrix that are not zero, by compressed rows.",
}


def _refused(name: str, owner: str) -> Callable[[Tensor], NoReturn]:
    def method(self: Tensor) -> NoReturn:
        kind = getattr(self, "kind", "Strided")
        raise RuntimeError(f"{name} expected {owner} tensor layout but got {kind}")

    method.__doc__ = f"Of {owner} tensors only: raises RuntimeError."
    return method


def _maker(name: str, text: str) -> Callable[..., Tensor]:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        from pyrite.sparse import convert

        made: Tensor = getattr(convert, name)(self, *args, **kwargs)
        return made

    method.__doc__ = text
    return method


def _no_coordinates(self: Tensor, name: str) -> NoReturn:
    kind = getattr(self, "kind", "")
    raise NotImplementedError(
        f"Could not run 'aten::{name}' with arguments from the "
        f"'{kind}{self.device.type.upper()}' backend.\n"
        f"  {name}: of sparse tensors by coordinates only; use .to_sparse() first"
    )


def _part(name: str) -> Callable[[Tensor], NoReturn]:
    def method(self: Tensor) -> NoReturn:
        _no_coordinates(self, name)

    method.__doc__ = "Of sparse tensors by coordinates only: raises NotImplementedError."
    return method


def _resized(name: str) -> Callable[[Tensor, Any, int, int], NoReturn]:
    def method(self: Tensor, size: Any, sparse_dim: int, dense_dim: int) -> NoReturn:
        _no_coordinates(self, name)

    method.__doc__ = "Of sparse tensors by coordinates only: raises NotImplementedError."
    return method


def _smm(self: Tensor, mat: Tensor) -> Tensor:
    """The product of a sparse and a dense matrix, as a sparse one."""
    from pyrite.sparse import product

    return product.smm(self, mat)


add_methods(Tensor, {name: _part(name) for name in ("_indices", "_values", "_nnz")})
add_methods(
    Tensor, {name: _resized(name) for name in ("sparse_resize_", "sparse_resize_and_clear_")}
)
add_methods(Tensor, {name: _refused(name, owner) for name, owner in _OWNERS.items()})
add_methods(Tensor, {name: _maker(name, text) for name, text in _MAKERS.items()})
add_methods(Tensor, {"to_sparse_coo": _maker("to_sparse", _MAKERS["to_sparse"]), "smm": _smm})
