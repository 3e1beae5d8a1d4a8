"""`assert_close`: whether two values, or two containers of values, are equal within a tolerance.

Pairs are formed first (containers element by element), then compared one by one; the first pair
that differs raises. Default tolerances and texts are PyTorch's.
Source: https://docs.pytorch.org/docs/stable/testing.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Number, Real
from typing import Any, NoReturn

from pyrite import _C

from .mismatch import scalar_mismatch, tensor_mismatch

__all__ = ["assert_close"]

_TOLERANCES: dict[_C.dtype, tuple[float, float]] = {
    _C.float16: (1e-3, 1e-5),
    _C.bfloat16: (1.6e-2, 1e-5),
    _C.float32: (1.3e-6, 1e-5),
    _C.float64: (1e-7, 1e-7),
    _C.complex32: (1e-3, 1e-5),
    _C.complex64: (1.3e-6, 1e-5),
    _C.complex128: (1e-7, 1e-7),
}

Message = str | Callable[[str], str] | None


@dataclass(frozen=True)
class _Rules:
    """What counts as close; the tolerances are None until a pair's dtypes choose them."""

    allow_subclasses: bool
    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_device: bool
    check_dtype: bool
    check_layout: bool
    check_stride: bool
    message: Message

    def tolerances(self, *dtypes: _C.dtype) -> tuple[float, float]:
        """(rtol, atol): those given, else the widest of the dtypes' defaults."""
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        defaults = [_TOLERANCES.get(dtype, (0.0, 0.0)) for dtype in dtypes]
        return max(rtol for rtol, _ in defaults), max(atol for _, atol in defaults)

    def fail(
        self, text: str, place: tuple[Any, ...], kind: type[Exception] = AssertionError
    ) -> NoReturn:
        """Raises with the pair's place inside its containers and the caller's message."""
        if place:
            text += f"\n\nThe failure occurred for item {''.join(f'[{key!r}]' for key in place)}"
        if callable(self.message):
            text = self.message(text)
        elif self.message is not None:
            text = self.message
        raise kind(text)


@dataclass(frozen=True)
class _Pair:
    """Two values to compare, and the keys that lead to them from the arguments."""

    actual: Any
    expected: Any
    place: tuple[Any, ...]


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: Message = None,
) -> None:
    """Passes when `|actual - expected| <= atol + rtol * |expected|` everywhere.

    Args:
        actual: a tensor, number, bool, None, what `as_tensor` takes, or containers of these.
        expected: the same structure.
        allow_subclasses: False asks for exactly the same type.
        rtol: relative tolerance; by default the dtypes choose it.
        atol: absolute tolerance; given if and only if `rtol` is.
        equal_nan: whether two NaN are equal.
        check_device: whether devices have to agree.
        check_dtype: whether dtypes have to agree; otherwise both are promoted.
        check_layout: whether layouts have to agree.
        check_stride: whether strides have to agree.
        msg: the error's text, or a function from the generated text to it.

    Raises:
        ValueError: one tolerance without the other.
        TypeError: a pair that cannot be compared.
        AssertionError: the values differ.
    """
    if (rtol is None) != (atol is None):
        raise ValueError(
            f"Both 'rtol' and 'atol' must be either specified or omitted, "
            f"but got no {'rtol' if rtol is None else 'atol'}."
        )
    rules = _Rules(
        allow_subclasses,
        rtol,
        atol,
        equal_nan,
        check_device,
        check_dtype,
        check_layout,
        check_stride,
        msg,
    )
    for pair in list(_pairs(_Pair(actual, expected, ()), rules)):
        _compare(pair, rules)


def _pairs(pair: _Pair, rules: _Rules) -> Iterator[_Pair]:
    """The pairs of leaves below `pair`, in order."""
    actual, expected, place = pair.actual, pair.expected, pair.place
    if _are_sequences(actual, expected):
        if len(actual) != len(expected):
            rules.fail(
                f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", place
            )
        for index, (left, right) in enumerate(zip(actual, expected, strict=True)):
            yield from _pairs(_Pair(left, right, (*place, index)), rules)
    elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
        _check_keys(pair, rules)
        for key in _sorted(actual.keys()):
            yield from _pairs(_Pair(actual[key], expected[key], (*place, key)), rules)
    else:
        yield pair


def _are_sequences(*values: Any) -> bool:
    return all(isinstance(value, Sequence) and not isinstance(value, str) for value in values)


def _check_keys(pair: _Pair, rules: _Rules) -> None:
    actual, expected = set(pair.actual), set(pair.expected)
    if actual != expected:
        missing, additional = _sorted(expected - actual), _sorted(actual - expected)
        rules.fail(
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {missing}\n"
            f"Additional keys in the actual mapping: {additional}",
            pair.place,
        )


def _sorted(keys: Any) -> list[Any]:
    """Sorted where the keys can be ordered, as they come otherwise."""
    try:
        return sorted(keys)
    except TypeError:
        return list(keys)


def _compare(pair: _Pair, rules: _Rules) -> None:
    actual, expected = pair.actual, pair.expected
    if actual is None or expected is None:
        if actual is not expected:
            rules.fail(f"None mismatch: {actual} is not {expected}", pair.place)
    elif isinstance(actual, bool) and isinstance(expected, bool):
        if actual is not expected:
            rules.fail(f"Booleans mismatch: {actual} is not {expected}", pair.place)
    elif isinstance(actual, Number) and isinstance(expected, Number):
        _compare_numbers(pair, rules)
    else:
        _compare_tensors(pair, rules)


def _compare_numbers(pair: _Pair, rules: _Rules) -> None:
    actual, expected = pair.actual, pair.expected
    if rules.check_dtype and type(actual) is not type(expected):
        rules.fail(f"The (d)types do not match: {type(actual)} != {type(expected)}.", pair.place)
    rtol, atol = rules.tolerances(_number_dtype(actual), _number_dtype(expected))
    if actual == expected or (rules.equal_nan and actual != actual and expected != expected):
        return
    difference = abs(actual - expected)
    if not (difference < float("inf") and difference <= atol + rtol * abs(expected)):
        rules.fail(scalar_mismatch(actual, expected, rtol, atol), pair.place)


def _number_dtype(value: Number) -> _C.dtype:
    """The widest dtype of the number's kind."""
    if isinstance(value, Integral):
        return _C.int64
    return _C.float64 if isinstance(value, Real) else _C.complex128


def _compare_tensors(pair: _Pair, rules: _Rules) -> None:
    actual, expected = _as_tensors(pair, rules)
    _check_attributes(actual, expected, pair.place, rules)
    rtol, atol = rules.tolerances(actual.dtype, expected.dtype)
    if actual.device != expected.device:
        actual, expected = actual.cpu(), expected.cpu()
    if actual.dtype != expected.dtype:
        dtype = _C.promote_types(actual.dtype, expected.dtype)
        actual, expected = actual.to(dtype), expected.to(dtype)
    if actual.layout != expected.layout:
        actual, expected = actual.to_dense(), expected.to_dense()
    if actual.layout != _C.strided:
        for left, right, subject in _sparse_parts(pair, rules, actual, expected):
            tolerances = (rtol, atol) if subject.endswith("values") else (0.0, 0.0)
            _compare_values(left, right, *tolerances, pair, rules, subject)
        return
    _compare_values(actual, expected, rtol, atol, pair, rules)


def _compare_values(
    actual: _C.Tensor,
    expected: _C.Tensor,
    rtol: float,
    atol: float,
    pair: _Pair,
    rules: _Rules,
    subject: str = "Tensor-likes",
) -> None:
    matches = _C.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=rules.equal_nan)
    if matches.all():
        return
    if actual.dim() == 0:
        text = scalar_mismatch(actual.item(), expected.item(), rtol, atol)
    else:
        text = tensor_mismatch(actual, expected, matches, rtol, atol, subject)
    rules.fail(text, pair.place)


_PARTS = {
    "sparse_coo": ("_indices", "_values"),
    "sparse_csr": ("crow_indices", "col_indices", "values"),
    "sparse_csc": ("ccol_indices", "row_indices", "values"),
}


def _sparse_parts(
    pair: _Pair, rules: _Rules, actual: _C.Tensor, expected: _C.Tensor
) -> Iterator[tuple[_C.Tensor, _C.Tensor, str]]:
    """Indices and values of two sparse tensors of one layout, with what messages call them."""
    if actual.is_sparse and actual.is_coalesced() != expected.is_coalesced():
        actual, expected = actual.coalesce(), expected.coalesce()
    layout = repr(actual.layout).rpartition(".")[2]
    name = layout.removeprefix("sparse_").upper()
    if actual._nnz() != expected._nnz():
        rules.fail(
            f"The number of specified values in sparse {name} tensors does not match: "
            f"{actual._nnz()} != {expected._nnz()}",
            pair.place,
        )
    for part in _PARTS[layout]:
        subject = f"Sparse {name} {part.strip('_')}"
        yield getattr(actual, part)(), getattr(expected, part)(), subject


def _as_tensors(pair: _Pair, rules: _Rules) -> tuple[_C.Tensor, _C.Tensor]:
    """Both values as tensors without history, if their types are related."""
    actual, expected = pair.actual, pair.expected
    same = type(actual) is type(expected)
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    if not (same or (rules.allow_subclasses and related)):
        _cannot_compare(pair, rules)
    try:
        tensors = [
            value if isinstance(value, _C.Tensor) else _C.as_tensor(value)
            for value in (actual, expected)
        ]
    except (RuntimeError, TypeError, ValueError):
        _cannot_compare(pair, rules)
    return tensors[0].detach(), tensors[1].detach()


def _cannot_compare(pair: _Pair, rules: _Rules) -> NoReturn:
    rules.fail(
        "No comparison pair was able to handle inputs of type "
        f"{type(pair.actual)} and {type(pair.expected)}.",
        pair.place,
        TypeError,
    )


def _check_attributes(
    actual: _C.Tensor, expected: _C.Tensor, place: tuple[Any, ...], rules: _Rules
) -> None:
    checks = [
        ("shape", True, actual.shape, expected.shape),
        ("layout", rules.check_layout, actual.layout, expected.layout),
        ("device", rules.check_device, actual.device, expected.device),
        ("dtype", rules.check_dtype, actual.dtype, expected.dtype),
    ]
    if rules.check_stride:
        checks.append(("stride()", True, actual.stride(), expected.stride()))
    for name, checked, left, right in checks:
        if checked and left != right:
            rules.fail(f"The values for attribute '{name}' do not match: {left} != {right}.", place)
