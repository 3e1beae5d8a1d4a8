"""Names of loss reductions and their numbers in the native operators (L6, no tensor code).

`reduction` is "none" (0), "mean" (1) or "sum" (2). The older flags `size_average` and `reduce` are
still accepted, with PyTorch's deprecation warning, and win over `reduction` where given.
"""

from __future__ import annotations

import warnings

_NUMBER = {"none": 0, "mean": 1, "sum": 2}


def get_enum(reduction: str) -> int:
    """Return the native number of a reduction.

    Raises:
        ValueError: if the name is unknown.
    """
    number = _NUMBER.get(reduction)
    if number is not None:
        return number
    if reduction == "elementwise_mean":
        warnings.warn(
            "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.",
            stacklevel=3,
        )
        return _NUMBER["mean"]
    raise ValueError(f"{reduction} is not a valid value for reduction")


def legacy_get_string(
    size_average: bool | None, reduce: bool | None, emit_warning: bool = True
) -> str:
    """Translate the deprecated pair of flags (default True each) into a reduction name."""
    if reduce is not None and not reduce:
        reduction = "none"
    else:
        reduction = "mean" if size_average is None or size_average else "sum"
    if emit_warning:
        warnings.warn(
            "size_average and reduce args will be deprecated, "
            f"please use reduction='{reduction}' instead.",
            stacklevel=3,
        )
    return reduction


def legacy_get_enum(
    size_average: bool | None, reduce: bool | None, emit_warning: bool = True
) -> int:
    """Translate the deprecated pair of flags into the native number."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))


def resolve(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """Return the reduction in force: the deprecated flags where given, else `reduction`."""
    if size_average is None and reduce is None:
        return reduction
    return legacy_get_string(size_average, reduce)
