"""The texts of `assert_close` about values that differ: how many, how much, and where."""

from __future__ import annotations

from typing import Any

from pyrite import _C


def scalar_mismatch(actual: Any, expected: Any, rtol: float, atol: float) -> str:
    """About two numbers."""
    difference = abs(actual - expected)
    relative = float("inf") if expected == 0 else abs(difference / expected)
    return _text(
        "Scalars", f"Expected {expected} but got {actual}.", rtol, atol, difference, relative
    )


def tensor_mismatch(
    actual: _C.Tensor,
    expected: _C.Tensor,
    matches: _C.Tensor,
    rtol: float,
    atol: float,
    subject: str = "Tensor-likes",
) -> str:
    """About two tensors of one shape and dtype; `matches` is True where they are close."""
    total = matches.numel()
    mismatched = total - int(matches.sum())
    share = mismatched / total
    if not (actual.is_floating_point() or actual.is_complex()):
        actual, expected = actual.to(_C.int64), expected.to(_C.int64)
    difference = (actual - expected).abs().masked_fill(matches, 0)
    relative = (difference / expected.abs()).masked_fill(matches, 0)
    return _text(
        subject,
        f"Mismatched elements: {mismatched} / {total} ({share:.1%})",
        rtol,
        atol,
        *(_greatest(values) for values in (difference, relative)),
    )


def _greatest(values: _C.Tensor) -> tuple[Any, tuple[int, ...]]:
    """The largest value and its index."""
    place = int(values.argmax())
    index = []
    for size in reversed(values.shape):
        place, inside = divmod(place, size)
        index.append(inside)
    return values.max().item(), tuple(reversed(index))


def _text(subject: str, detail: str, rtol: float, atol: float, absolute: Any, relative: Any) -> str:
    equality = rtol == 0 and atol == 0
    lines = [f"{subject} are not {'equal' if equality else 'close'}!", "", detail]
    for kind, value, tolerance in (("absolute", absolute, atol), ("relative", relative, rtol)):
        if isinstance(value, tuple):
            line = f"Greatest {kind} difference: {value[0]} at index {value[1]}"
        else:
            line = f"{kind.capitalize()} difference: {value}"
        lines.append(line if equality else f"{line} (up to {tolerance} allowed)")
    return "\n".join(lines)
