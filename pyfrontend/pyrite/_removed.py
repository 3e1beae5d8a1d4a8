"""Functions that PyTorch has removed but still names, to say what took their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from pyrite._C import Tensor
from pyrite._native import add_methods

__all__ = ["eig", "lstsq", "matrix_rank", "solve", "symeig"]


def _removed(name: str, instead: str, hint: str) -> Callable[..., NoReturn]:
    """A function that raises `RuntimeError`: PyTorch's first line, then what to write."""

    def gone(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            f"This function was deprecated since version 1.9 and is now removed.{instead}\n"
            f"  {name}: {hint}"
        )

    gone.__name__ = gone.__qualname__ = name
    gone.__doc__ = f"Removed from PyTorch: {hint}."
    return gone


solve = _removed(
    "solve",
    " `torch.solve` is deprecated in favor of `torch.linalg.solve`. `torch.linalg.solve` has its "
    "arguments reversed and does not return the LU factorization.",
    "use linalg.solve(A, B)",
)
lstsq = _removed(
    "lstsq",
    " `torch.lstsq` is deprecated in favor of `torch.linalg.lstsq`.",
    "use linalg.lstsq(A, B).solution",
)
eig = _removed(
    "eig",
    " `torch.linalg.eig` returns complex tensors of dtype `cfloat` or `cdouble` rather than real "
    "tensors mimicking complex tensors.",
    "use linalg.eig(A) or linalg.eigvals(A)",
)
symeig = _removed(
    "symeig",
    " The default behavior has changed from using the upper triangular portion of the matrix by "
    "default to using the lower triangular portion.",
    "use linalg.eigh(A, UPLO='U') or linalg.eigvalsh(A, UPLO='U')",
)
matrix_rank = _removed("matrix_rank", "", "use linalg.matrix_rank(A)")

add_methods(Tensor, {"eig": eig, "lstsq": lstsq, "solve": solve, "symeig": symeig})
