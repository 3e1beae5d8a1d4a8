"""Elementwise operations: sums, products, and functions that map zero to zero.

Layer L6 over `_C`. Sums keep the union of places, products the common ones; a dense operand of a
product is read at the places of the sparse one. What would fill the zeros raises, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite.functional import broadcast_shapes

from .coo import SparseCooTensor, make
from .tensor import SparseTensor, handles

__all__ = ["add", "mul"]

_DENSE_SECOND = "add(sparse, dense) is not supported. Use add(dense, sparse) instead."


def _finished(result: Any, out: Any) -> Any:
    if out is None:
        return result
    raise NotImplementedError("out= is not available for sparse tensors; use the result")


@handles("add")
def add(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """`input + alpha * other`; of a dense and a sparse tensor, dense.

    Raises:
        RuntimeError: shapes differ, or coordinates come first and `other` is dense.
    """
    if isinstance(input, SparseTensor) and isinstance(other, SparseTensor):
        return _finished(_add_sparse(input, other, alpha), out)
    if isinstance(other, SparseTensor):
        return _finished(_add_to_dense(input, other, alpha), out)
    if isinstance(input, SparseCooTensor) or not isinstance(other, Tensor):
        raise RuntimeError(_DENSE_SECOND)
    return _finished(_add_to_dense(other * alpha, input, 1), out)


def _scaled(values: Tensor, alpha: Any) -> Tensor:
    return values if alpha == 1 else values * alpha


def _add_sparse(input: Any, other: Any, alpha: Any) -> Any:
    if tuple(input.shape) != tuple(other.shape):
        raise RuntimeError(
            f"add: expected sizes of 'self' and 'other' to match, but "
            f"{list(input.shape)} != {list(other.shape)}"
        )
    a, b = input.to_coo(), other.to_coo()
    if a.sparse_dim() != b.sparse_dim():
        raise RuntimeError(
            "add: expected 'self' and 'other' to have same density, but "
            f"'self' has {a.sparse_dim()} sparse dimensions while 'other' has {b.sparse_dim()} "
            "sparse dimensions"
        )
    left, right = a._value, _scaled(b._value, alpha)
    if a._index is b._index or _C.equal(a._index, b._index):
        both = make(a._index, left + right, a.shape, a._coalesced)
    elif not b._nnz():
        both = make(a._index, left.to(_C.result_type(left, right)), a.shape, a._coalesced)
    elif not a._nnz():
        both = make(b._index, right.to(_C.result_type(left, right)), b.shape, b._coalesced)
    else:
        places = _C.cat([a._index, b._index], 1)
        both = make(places, _C.cat([left, right]), a.shape, False)
        both = both.coalesce() if a._coalesced and b._coalesced else both
    both._node = None
    return input.from_coo(both)


def _add_to_dense(input: Any, other: Any, alpha: Any) -> Tensor:
    shape = list(input.shape) if isinstance(input, Tensor) else []
    if shape != list(other.shape):
        raise RuntimeError(
            f"add: expected 'self' and 'other' to have same size, but self has size {shape} while "
            f"other has size {list(other.shape)} (FYI: dense-sparse addition does not currently "
            "support broadcasting)"
        )
    coo = other.to_coo()
    dtype = _C.result_type(input, coo._value)
    flat = _flat(input.to(dtype), coo)
    return flat.index_add(0, coo.numbers(), _scaled(coo._value, alpha).to(dtype)).view(input.shape)


def _flat(input: Tensor, coo: SparseCooTensor) -> Tensor:
    """A dense tensor with the dims that have coordinates in `coo` as one."""
    rest = tuple(input.shape)[coo.sparse_dim() :]
    count = 1
    for size in coo.sparse_shape:
        count *= size
    return input.reshape((count, *rest))


@handles("sub", "subtract")
def sub(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """`input - alpha * other`; see `add`."""
    return add(input, other, alpha=-alpha, out=out)


@handles("__rsub__", "rsub")
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """`other - alpha * input`."""
    return add(other, input, alpha=-alpha)


@handles("add_")
def add_(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """`input += alpha * other`, in a sparse tensor or in a dense one."""
    if isinstance(input, SparseTensor):
        return _stored(input, add(input, other, alpha=alpha))
    coo = other.to_coo()
    if tuple(input.shape) != tuple(coo.shape) or not input.is_contiguous():
        return input.copy_(_add_to_dense(input, other, alpha))
    values = _scaled(coo._value, alpha).to(input.dtype)
    _flat(input, coo).index_add_(0, coo.numbers(), values)
    return input


@handles("sub_")
def sub_(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """`input -= alpha * other`."""
    return add_(input, other, alpha=-alpha)


def _stored(input: SparseTensor, result: Any) -> Any:
    """Write a result into its left operand, whose dtype and layout it keeps."""
    if not isinstance(result, type(input)):
        raise RuntimeError(f"in place: the result of a {input.layout} tensor is not one")
    is_wanted_leaf = input.requires_grad and input.is_leaf
    if is_wanted_leaf and _C.is_grad_enabled():
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation."
        )
    if result.dtype is not input.dtype:
        if not _C.can_cast(result.dtype, input.dtype):
            raise RuntimeError(
                f"result type {result._value.type()[6:-6]} can't be cast to the desired output "
                f"type {input._value.type()[6:-6]}"
            )
        result = result.to(input.dtype)
    if is_wanted_leaf:  # as an optimizer steps
        result = result.with_values(result._value.detach().requires_grad_())
    return input.become(result)


def _is_number(value: Any) -> bool:
    """Whether it is a number or a dense tensor of no dims."""
    return not isinstance(value, Tensor) or (
        not isinstance(value, SparseTensor) and value.dim() == 0
    )


@handles("mul", "multiply", "__rmul__")
def mul(input: Any, other: Any, *, out: Any = None) -> Any:
    """The product; sparse where one factor is.

    Raises:
        RuntimeError: two sparse factors of different shapes, or shapes that do not broadcast.
    """
    if not isinstance(input, SparseTensor):
        input, other = other, input
    if _is_number(other):
        return _finished(input.with_values(input._value * other), out)
    if isinstance(other, SparseTensor):
        return _finished(_mul_sparse(input, other), out)
    shape = broadcast_shapes(input.shape, other.shape)
    if tuple(shape) != tuple(input.shape):
        raise RuntimeError(
            f"mul: a sparse factor is not broadcast; got {list(input.shape)} and "
            f"{list(other.shape)}"
        )
    coo = input.to_coo()
    return _finished(input.with_values(coo._value * _at(other.expand(shape), coo)), out)


def _at(dense: Tensor, coo: SparseCooTensor) -> Tensor:
    """The elements of a dense tensor at the places of `coo`, `(nnz, *dense sizes)`."""
    places = coo._index.unbind(0)
    return dense[tuple(places)] if places else dense.unsqueeze(0).expand(coo._nnz(), *dense.shape)


def _mul_sparse(input: Any, other: Any) -> Any:
    a, b = input.to_coo(), other.to_coo()
    if a.dim() != b.dim() or a.sparse_shape != b.sparse_shape:
        raise RuntimeError(
            "sparse_binary_op_intersection_cpu(): expects sparse inputs with equal "
            "dimensionality, number of sparse dimensions, and shape of sparse dimensions"
        )
    if b._coalesced is False and a._coalesced:
        a, b = b, a
    b = b.coalesce()
    wanted, known = a.numbers(), b.numbers()
    if not (wanted.size(0) and known.size(0)):
        dtype = _C.result_type(a._value, b._value)
        return input.from_coo(make(a._index[:, :0], a._value[:0].to(dtype), a.shape, True))
    at = _C.searchsorted(known, wanted).clamp(max=known.size(0) - 1)
    common = (known[at] == wanted).nonzero().squeeze(1)
    values = a._value[common] * b._value[at[common]]
    return input.from_coo(make(a._index[:, common], values, a.shape, a._coalesced))


@handles("div", "divide", "true_divide", "__rtruediv__")
def div(input: Any, other: Any, *, rounding_mode: Any = None, out: Any = None) -> Any:
    """The quotient by a number.

    Raises:
        RuntimeError: the divisor is not a number.
    """
    if not (isinstance(input, SparseTensor) and _is_number(other)):
        shape = list(getattr(other, "shape", ()))
        raise RuntimeError(
            "Sparse division requires a scalar or zero-dim dense tensor divisor "
            f"(got shape {shape} for divisor)"
        )
    if rounding_mode is None:
        return _finished(input.with_values(_C.div(input._value, other)), out)
    whole = _whole(input)
    return _finished(
        whole.with_values(_C.div(whole._value, other, rounding_mode=rounding_mode)), out
    )


@handles("floor_divide")
def floor_divide(input: Any, other: Any) -> Any:
    """The quotient by a number, rounded down."""
    return div(input, other, rounding_mode="floor")


def _whole(input: Any) -> Any:
    """With each place named once: functions that are not linear need it."""
    return input.coalesce() if isinstance(input, SparseCooTensor) else input


@handles("pow")
def pow(input: Any, exponent: Any, *, out: Any = None) -> Any:
    """A power with an exponent that is a number, not zero.

    Raises:
        RuntimeError: the exponent is zero.
    """
    if not (isinstance(input, SparseTensor) and _is_number(exponent)):
        raise RuntimeError("pow: a sparse tensor can be raised to a number only")
    if exponent == 0:
        raise RuntimeError(
            "pow: cannot raise to zeroth power on sparse tensor; it would make the result tensor "
            "dense"
        )
    whole = _whole(input)
    return _finished(whole.with_values(whole._value**exponent), out)


# Linear functions of one element: places may be named several times.
_LINEAR = "neg negative positive conj conj_physical resolve_conj resolve_neg".split()
# Others that map zero to zero.
_THROUGH_ZERO = (
    "abs absolute asin arcsin asinh arcsinh atan arctan atanh arctanh ceil deg2rad erf erfinv "
    "expm1 floor frac isinf isnan isneginf isposinf log1p nan_to_num rad2deg relu round sgn sign "
    "signbit sin sinh sqrt square tan tanh trunc fix"
).split()


def _elementwise(name: str, linear: bool) -> Callable[..., Any]:
    function = getattr(_C, name)

    def call(input: SparseTensor, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        source = input if linear else _whole(input)
        kwargs.pop("inplace", None)
        return _finished(source.with_values(function(source._value, *args, **kwargs)), out)

    call.__doc__ = f"`{name}` of the values; zeros stay zeros."
    return handles(name)(call)


def _in_place(name: str, function: Callable[..., Any]) -> None:
    def call(input: SparseTensor, *args: Any, **kwargs: Any) -> Any:
        return _stored(input, function(input, *args, **kwargs))

    call.__doc__ = f"`{name}` in place."
    handles(f"{name}_")(call)


_OF_TWO: dict[str, Callable[..., Any]] = {
    "mul": mul,
    "div": div,
    "true_divide": div,
    "floor_divide": floor_divide,
    "pow": pow,
}

for _name in (*_LINEAR, *_THROUGH_ZERO):
    _in_place(_name, _elementwise(_name, _name in _LINEAR))
for _name, _function in _OF_TWO.items():
    _in_place(_name, _function)


@handles("zero_")
def zero_(input: Any) -> Any:
    """Forget all elements; a compressed matrix keeps its places."""
    if not isinstance(input, SparseCooTensor):
        input._value = _C.zeros_like(input._value)
        input._coo = None
        return input
    index, values = input._index[:, :0], input._value.detach()[:0]
    return input.become(make(index, values, input.shape, True))


@handles("dropout", "dropout_", "feature_dropout")
def dropout(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, train: bool = True
) -> Any:
    """Zero some of the values; see `nn.functional.dropout`."""
    from pyrite.nn.functional import dropout as dense_dropout

    return input.with_values(dense_dropout(input._value, p, training and train, False))
