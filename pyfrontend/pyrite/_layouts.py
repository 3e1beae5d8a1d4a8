"""Layouts of tensors whose elements are not in one block of memory, and what makes such tensors.

Layer: Python front end. To `isinstance` they are layouts; programs compare a tensor's with them.
The functions load `pyrite.sparse` when they are called first.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite._doors import door_function

__all__ = [
    "hspmm",
    "jagged",
    "smm",
    "sparse_bsc",
    "sparse_bsr",
    "sparse_compressed_tensor",
    "sparse_coo",
    "sparse_coo_tensor",
    "sparse_csc",
    "sparse_csc_tensor",
    "sparse_csr",
    "sparse_csr_tensor",
    "sspaddmm",
]


class Layout:
    """A layout that the core's arrays do not have."""

    __class__: Any = property(lambda self: _C.layout)  # what `isinstance` sees

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"{_C._display_name()}.{self._name}"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return _get_layout, (f"torch.{self._name}",)


def _get_layout(name: str) -> Any:
    """The layout of a name, as files tell it.

    Raises:
        KeyError: there is none.
    """
    known = (jagged, sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr)
    return {f"torch.{layout._name}": layout for layout in known}[name]


jagged = Layout("jagged")
sparse_bsc = Layout("sparse_bsc")
sparse_bsr = Layout("sparse_bsr")
sparse_coo = Layout("sparse_coo")
sparse_csc = Layout("sparse_csc")
sparse_csr = Layout("sparse_csr")
sparse_compressed_tensor = door_function(
    "sparse_compressed_tensor", "sparse layouts named at run time"
)


def sparse_coo_tensor(*args: Any, **kwargs: Any) -> Tensor:
    """A tensor of coordinates and values; see `pyrite.sparse.construct.sparse_coo_tensor`."""
    from pyrite.sparse import construct

    return construct.sparse_coo_tensor(*args, **kwargs)


def sparse_csr_tensor(*args: Any, **kwargs: Any) -> Tensor:
    """A matrix with compressed rows; see `pyrite.sparse.construct.sparse_csr_tensor`."""
    from pyrite.sparse import construct

    return construct.sparse_csr_tensor(*args, **kwargs)


def sparse_csc_tensor(*args: Any, **kwargs: Any) -> Tensor:
    """A matrix with compressed columns; see `pyrite.sparse.construct.sparse_csc_tensor`."""
    from pyrite.sparse import construct

    return construct.sparse_csc_tensor(*args, **kwargs)


def smm(input: Tensor, mat: Tensor) -> Tensor:
    """The product of a sparse and a dense matrix, as a sparse one."""
    from pyrite.sparse import product

    made: Tensor = product.smm(input, mat)
    return made


def hspmm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """The product of a sparse and a dense matrix, with whole rows as values."""
    from pyrite.sparse import product

    return product.hspmm(mat1, mat2)


def sspaddmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """`beta * input + alpha * mat1 @ mat2` of a sparse `input` and `mat1` and a dense `mat2`."""
    from pyrite.sparse import product

    made: Tensor = product.sspaddmm(input, mat1, mat2, beta=beta, alpha=alpha)
    return made
