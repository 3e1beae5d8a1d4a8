"""`finfo` and `iinfo`: the limits of the numbers a dtype can hold.

Layer: Python front end, pure facts about number formats. `min` and `max` are exact Python numbers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pyrite import _C, _unbuilt_dtypes

__all__ = ["finfo", "iinfo"]


class _Format(NamedTuple):
    """A binary format: fraction bits, least and greatest exponent, decimal digits.

    `largest` is the largest number where a format gives its last codes to other things.
    """

    fraction: int
    lowest: int
    highest: int
    digits: int
    largest: float | None = None


_FORMATS: dict[Any, _Format] = {
    _C.float16: _Format(10, -14, 15, 3),
    _C.bfloat16: _Format(7, -126, 127, 2),
    _C.float32: _Format(23, -126, 127, 6),
    _C.float64: _Format(52, -1022, 1023, 15),
    _unbuilt_dtypes.float8_e4m3fn: _Format(3, -6, 8, 0, 448.0),
    _unbuilt_dtypes.float8_e4m3fnuz: _Format(3, -7, 7, 0),
    _unbuilt_dtypes.float8_e5m2: _Format(2, -14, 15, 0),
    _unbuilt_dtypes.float8_e5m2fnuz: _Format(3, -15, 15, 0, 57344.0),
}


def _name(dtype: _C.dtype) -> str:
    return str(dtype).rpartition(".")[2]


class finfo:
    """Limits of a floating-point dtype; of its parts for a complex one.

    Args:
        type: the dtype; the default dtype when not given.

    Raises:
        TypeError: the dtype holds integers.
    """

    def __init__(self, type: _C.dtype | None = None) -> None:
        """Look the dtype up."""
        dtype = _C.get_default_dtype() if type is None else type
        if not isinstance(dtype, _C.dtype):
            raise TypeError(f"finfo(): argument 'type' must be torch.dtype, not {dtype!r}")
        if not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "torch.finfo() requires a floating point input type. "
                "Use torch.iinfo to handle 'torch.finfo'"
            )
        real = dtype.to_real()
        if real not in _FORMATS:
            raise NotImplementedError(f"torch.finfo() does not know {_name(real)}")
        form = _FORMATS[real]
        self.bits = 8 * real.itemsize
        self.eps = 2.0**-form.fraction
        self.max = form.largest or (2.0 - self.eps) * 2.0**form.highest
        self.min = -self.max
        self.smallest_normal = self.tiny = 2.0**form.lowest
        self.resolution = float(f"1e-{form.digits}")
        self.dtype = _name(real)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((finfo, self.dtype))


class iinfo:
    """Limits of an integer dtype.

    Args:
        type: the dtype.

    Raises:
        TypeError: the dtype does not hold integers.
    """

    def __init__(self, type: _C.dtype) -> None:
        """Look the dtype up."""
        if not isinstance(type, _C.dtype):
            raise TypeError(f"iinfo(): argument 'type' must be torch.dtype, not {type!r}")
        if type is _C.bool:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if type.is_floating_point or type.is_complex:
            raise TypeError(
                "torch.iinfo() requires an integer input type. "
                "Use torch.finfo to handle 'torch.iinfo'"
            )
        self.bits = 8 * type.itemsize
        self.max = 2 ** (self.bits - type.is_signed) - 1
        self.min = -self.max - 1 if type.is_signed else 0
        self.dtype = _name(type)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((iinfo, self.dtype))
