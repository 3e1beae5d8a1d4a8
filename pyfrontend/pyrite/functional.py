"""Top-level functions that are Python: checks and containers around ops."""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite._native import add_methods
from pyrite.overrides import handle_torch_function, overridable

__all__ = [
    "_assert",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "block_diag",
    "broadcast_shapes",
    "broadcast_tensors",
    "cartesian_prod",
    "chain_matmul",
    "detach",
    "einsum",
    "is_complex",
    "is_floating_point",
    "is_nonzero",
    "is_storage",
    "is_tensor",
    "lu",
    "meshgrid",
    "norm",
    "numel",
    "spmm",
    "tensordot",
    "unique",
    "unique_consecutive",
    "vander",
]


def is_tensor(obj: object) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


@overridable
def _assert(condition: Any, message: str) -> None:
    """An assertion that a tracer can record.

    Raises:
        AssertionError: the condition is false.
    """
    assert condition, message


def is_storage(obj: object) -> bool:
    """Whether `obj` is a storage."""
    return type(obj).__name__.endswith("Storage")


@overridable
def detach(input: Tensor) -> Tensor:
    """The same values without history, sharing memory; the method as a function."""
    return input.detach()


@overridable
def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a real floating-point type."""
    return input.is_floating_point()


@overridable
def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex."""
    return input.is_complex()


@overridable
def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero.

    Raises:
        RuntimeError: if there is not exactly one element.
    """
    return bool(input)


@overridable
def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


def _tensors(given: tuple[Any, ...]) -> list[Tensor]:
    """Tensors given one by one or as one sequence."""
    if len(given) == 1 and isinstance(given[0], (list, tuple)):
        return list(given[0])
    return list(given)


@overridable
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Coordinate tensors of the grid that vectors span; `indexing` is "ij" (rows first) or "xy".

    Example:
        >>> rows, columns = pyrite.meshgrid(pyrite.arange(2), pyrite.arange(3), indexing="ij")
        >>> rows
        tensor([[0, 0, 0],
                [1, 1, 1]])
    """
    return _C._meshgrid(_tensors(tensors), indexing="ij" if indexing is None else indexing)


@overridable
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of the elements of vectors, one a row: `(n1 * n2 * ..., count)`."""
    return _C._cartesian_prod(_tensors(tensors))


@overridable
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors expanded to their common shape."""
    return _C._broadcast_tensors(_tensors(tensors))


def broadcast_shapes(*shapes: Any) -> Any:
    """The shape that shapes (ints or sequences of ints) broadcast to.

    Raises:
        RuntimeError: if they do not broadcast.
    """
    from pyrite._size import Size

    sizes = [(shape,) if isinstance(shape, int) else tuple(shape) for shape in shapes]
    rank = max((len(size) for size in sizes), default=0)
    common = [1] * rank
    for size in sizes:
        for place, n in enumerate(size, rank - len(size)):
            if n < 0:
                raise RuntimeError(f"Trying to create tensor with negative dimension ({n}): ({n})")
            if n in (1, common[place]):
                continue
            if common[place] != 1:
                raise RuntimeError(
                    "Shape mismatch: objects cannot be broadcast to a single shape"
                    f"\n  broadcast_shapes: got {', '.join(map(str, shapes))}"
                )
            common[place] = n
    return Size(common)


@overridable
def atleast_1d(*tensors: Any) -> Any:
    """The tensors with at least one dimension."""
    return _C._atleast_1d(tensors[0] if len(tensors) == 1 else tensors)


@overridable
def atleast_2d(*tensors: Any) -> Any:
    """The tensors with at least two dimensions."""
    return _C._atleast_2d(tensors[0] if len(tensors) == 1 else tensors)


@overridable
def atleast_3d(*tensors: Any) -> Any:
    """The tensors with at least three dimensions."""
    return _C._atleast_3d(tensors[0] if len(tensors) == 1 else tensors)


@overridable
def block_diag(*tensors: Tensor) -> Tensor:
    """One matrix with the given ones along its diagonal."""
    return _C._block_diag(_tensors(tensors))


@overridable
def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of several matrices."""
    return _C._chain_matmul(_tensors(matrices))


def einsum(*args: Any) -> Tensor:
    """Sums of products by index letters: `einsum("ij,jk->ik", a, b)`.

    Operands may also come each followed by a list of subscript numbers, and last the output's.

    Raises:
        ValueError: without an equation and an operand.
        RuntimeError: if equation and operands do not fit.

    Example:
        >>> a, b = pyrite.ones(2, 3), pyrite.ones(3, 4)
        >>> pyrite.einsum("ij,jk->ik", a, b).shape
        pyrite.Size([2, 4])
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, "
            "or at least one operand and its subscripts list"
        )
    if isinstance(args[0], str):
        equation, operands = args[0], list(_tensors(args[1:]))
    else:
        operands = list(args[0 : len(args) // 2 * 2 : 2])
        equation = ",".join(_letters(subscripts) for subscripts in args[1::2])
        if len(args) % 2 == 1:
            equation += "->" + _letters(args[-1])
    if _C._has_torch_function(operands):
        result: Tensor = handle_torch_function(einsum, operands, equation, *operands)
        return result
    return _C._einsum(equation, operands)


def _letters(subscripts: list[Any]) -> str:
    """Subscript numbers 0 to 51 as letters A-Z, a-z."""
    text = ""
    for number in subscripts:
        if number is Ellipsis:
            text += "..."
        elif 0 <= number < 26:
            text += chr(ord("A") + number)
        elif 26 <= number < 52:
            text += chr(ord("a") + number - 26)
        else:
            raise ValueError(
                "einsum(): subscript in subscript list is not within the valid range [0, 52)"
            )
    return text


@overridable
def spmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The matrix product, by the name that programs with sparse matrices use."""
    return _C.mm(input, mat2)


@overridable
def lu(
    A: Tensor,
    pivot: bool = True,
    get_infos: bool = False,
    out: tuple[Tensor, ...] | None = None,
) -> tuple[Tensor, ...]:
    """The triangular factors of square or other matrices in one, and the exchanges of rows.

    With `get_infos`, a third tensor tells for each matrix which pivot is the first that is zero.
    The newer spelling is `pyrite.linalg.lu_factor`.

    Raises:
        RuntimeError: for fewer than two dimensions, and without pivoting on the CPU.
    """
    found = _C.linalg_lu_factor_ex(A, pivot=pivot)[: 3 if get_infos else 2]
    if out is None:
        return tuple(found)
    if len(out) != len(found):
        raise TypeError(f"expected tuple of {len(found)} elements but got {len(out)}")
    for target, result in zip(out, found, strict=True):
        target.resize_as_(result).copy_(result)
    return out


def _lu_method(self: Tensor, pivot: bool = True, get_infos: bool = False) -> tuple[Tensor, ...]:
    """See `pyrite.lu`."""
    return lu(self, pivot, get_infos)


@overridable
def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """Sums of products over dimensions: the last `dims` of `a` with the first of `b`, or two lists.

    Raises:
        RuntimeError: if the dimensions' sizes differ.
    """
    if isinstance(dims, Tensor):
        dims = dims.item() if dims.numel() == 1 else dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        of_a, of_b = list(range(a.dim() - dims, a.dim())), list(range(dims))
    else:
        of_a, of_b = ([d] if isinstance(d, int) else list(d) for d in dims)
    return _C._tensordot(a, b, of_a, of_b, out=out)


@overridable
def norm(
    input: Tensor,
    p: float | str | None = "fro",
    dim: Any = None,
    keepdim: bool = False,
    out: Tensor | None = None,
    dtype: Any = None,
) -> Tensor:
    """The p-norm of the elements over `dim` (all without one); "fro" is p = 2.

    Raises:
        NotImplementedError: for the nuclear norm of anything but matrices the core can decompose.
    """
    if p == "nuc":
        from pyrite import linalg

        pair = [-2, -1] if dim is None else dim
        return linalg.matrix_norm(input, "nuc", dim=pair, keepdim=keepdim, dtype=dtype, out=out)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"only valid string values are 'fro' and 'nuc', found {p}")
    order = 2.0 if p is None or isinstance(p, str) else p
    dims = [dim] if isinstance(dim, int) else dim
    return _C.linalg_vector_norm(input, order, dims, keepdim, dtype=dtype, out=out)


def _chosen(results: tuple[Tensor, ...], inverse: bool, counts: bool) -> Any:
    chosen = [results[0]]
    chosen += [results[1]] if inverse else []
    chosen += [results[2]] if counts else []
    return chosen[0] if len(chosen) == 1 else tuple(chosen)


@overridable
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements (or slices along `dim`), in ascending order.

    With `return_inverse` also where each element went, with `return_counts` how many there are.
    """
    if dim is None:
        results = _C._unique2(input, sorted, return_inverse, return_counts)
    else:
        results = _C.unique_dim(input, dim, sorted, return_inverse, return_counts)
    return _chosen(results, return_inverse, return_counts)


@overridable
def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The elements (or slices along `dim`) without repetitions that follow each other."""
    results = _C._unique_consecutive(input, return_inverse, return_counts, dim)
    return _chosen(results, return_inverse, return_counts)


def _norm_method(
    self: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """See `pyrite.norm`."""
    return norm(self, p, dim, keepdim, dtype=dtype)


def _unique_method(
    self: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """See `pyrite.unique`."""
    return unique(self, sorted, return_inverse, return_counts, dim)


def _unique_consecutive_method(
    self: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """See `pyrite.unique_consecutive`."""
    return unique_consecutive(self, return_inverse, return_counts, dim)


# PyTorch has these at the top.
for _function in (_assert, is_complex, is_floating_point, is_nonzero, numel):
    _function.__module__ = "pyrite"

add_methods(
    Tensor,
    {
        "lu": _lu_method,
        "norm": _norm_method,
        "unique": _unique_method,
        "unique_consecutive": _unique_consecutive_method,
    },
)


def _named_result(op: str, fields: list[str], values: tuple[Any, ...]) -> Any:
    from pyrite.return_types import make

    return make(op, fields, values)


_C._set_named_tuple_maker(_named_result)


@overridable
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The Vandermonde matrix: a row of powers for each element, the highest first.

    Args:
        x: `(n,)`.
        N: the number of columns, n by default.
        increasing: the lowest power first.

    Returns:
        `(n, N)`, of the dtype of `x`, int64 for bools.

    Raises:
        RuntimeError: `x` is not one-dimensional, or `N` is negative.

    Example:
        >>> pyrite.vander(pyrite.tensor([2, 3]), N=3)
        tensor([[4, 2, 1],
                [9, 3, 1]])
    """
    if x.dim() != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    count = x.numel() if N is None else N
    if count < 0:
        raise RuntimeError("N must be non-negative.")
    powers = _C.arange(count, device=x.device)
    base = x.long() if x.dtype is _C.bool else x
    return base.unsqueeze(1) ** (powers if increasing else powers.flip(0))
