"""Window functions of signal processing: `M` samples, symmetric or for periodic use.

`exponential`, `cosine`, `gaussian`, `kaiser`, `hamming`, `hann`, `blackman`, `bartlett`,
`general_cosine`, `general_hamming` and `nuttall` return a vector `(M,)` of float32 or float64.
With `sym=False` the window is one period of a periodic function, for spectral analysis.
Source: `torch.signal.windows`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from pyrite import _C
from pyrite._C import Tensor

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


class _Options:
    """What a window is made of and where; refuses what PyTorch refuses."""

    def __init__(
        self,
        name: str,
        length: int,
        dtype: Any,
        layout: Any,
        device: Any,
        requires_grad: bool,
    ) -> None:
        dtype = _C.get_default_dtype() if dtype is None else dtype
        if length < 0:
            raise ValueError(f"{name} requires non-negative window length, got M={length}")
        if layout is not _C.strided:
            raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
        if dtype not in (_C.float32, _C.float64):
            raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
        self.length = length
        self.place = {"dtype": dtype, "device": device}
        self.requires_grad = requires_grad

    def line(self, start: Any, end: Any) -> Tensor:
        """Evenly spaced places of the samples."""
        return _C.linspace(start, end, self.length, **self.place)

    def spread(self, start: float, step: float) -> Tensor:
        """Places `step` apart."""
        return self.line(start, start + (self.length - 1) * step)

    def ones(self) -> Tensor:
        """The window of no sample or of one."""
        return self.done(_C.ones(self.length, **self.place))

    def done(self, window: Tensor) -> Tensor:
        """The finished window."""
        return window.requires_grad_(self.requires_grad)


def _period(length: int, sym: bool) -> int:
    """Samples to the point where the window repeats, or to its last one."""
    return length - 1 if sym else length


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = _C.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`exp(-|n - center| / tau)`."""
    by = _Options("exponential", M, dtype, layout, device, requires_grad)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return by.ones()
    if center is None:
        center = (M if not sym and M > 1 else M - 1) / 2.0
    return by.done(_C.exp(-_C.abs(by.spread(-center / tau, 1 / tau))))


def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = _C.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Half a period of a sine."""
    by = _Options("cosine", M, dtype, layout, device, requires_grad)
    if M == 0:
        return by.ones()
    step = math.pi / (M + 1 if not sym and M > 1 else M)
    return by.done(_C.sin(by.spread(0.5 * step, step)))


def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = _C.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The bell `exp(-n^2 / (2 std^2))` around the middle."""
    by = _Options("gaussian", M, dtype, layout, device, requires_grad)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return by.ones()
    start = -(M if not sym and M > 1 else M - 1) / 2.0
    step = 1 / (std * math.sqrt(2))
    return by.done(_C.exp(-_C.square(by.spread(start * step, step))))


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = _C.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`I0(beta sqrt(1 - x^2)) / I0(beta)`, x from -1 to 1."""
    by = _Options("kaiser", M, dtype, layout, device, requires_grad)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M < 2:
        return by.ones()
    width = _C.tensor(beta, **by.place)
    step = 2.0 * width / _period(M, sym)
    end = _C.minimum(width, -width + (M - 1) * step)
    places = by.line(-width, end)
    return by.done(_C.i0(_C.sqrt(width * width - _C.square(places))) / _C.i0(width))


def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    layout: Any = _C.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`kaiser` in the form of the older window functions: `pyrite.kaiser_window`."""
    return kaiser(
        window_length,
        beta=beta,
        sym=not periodic,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )


def general_cosine(
    M: int,
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: Any = None,
    layout: Any = _C.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The sum over i of `(-1)^i a[i] cos(2 pi i n / N)`."""
    by = _Options("general_cosine", M, dtype, layout, device, requires_grad)
    if M < 2:
        return by.ones()
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    factors = list(a)
    if not factors:
        raise ValueError("Coefficients cannot be empty")
    angles = by.spread(0.0, 2 * math.pi / _period(M, sym))
    signed = _C.tensor([(-1) ** i * factor for i, factor in enumerate(factors)], **by.place)
    orders = _C.arange(len(factors), **by.place).unsqueeze(-1)
    return by.done((signed.unsqueeze(-1) * _C.cos(orders * angles)).sum(0))


def general_hamming(
    M: int,
    *,
    alpha: float = 0.54,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = _C.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`alpha - (1 - alpha) cos(2 pi n / N)`."""
    return general_cosine(
        M,
        a=[alpha, 1.0 - alpha],
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )


def hamming(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """The general Hamming window with alpha 0.54."""
    return general_hamming(M, sym=sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """The general Hamming window with alpha 0.5."""
    return general_hamming(M, alpha=0.5, sym=sym, **options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """The general cosine window with factors 0.42, 0.5 and 0.08."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """The general cosine window of four terms by Nuttall."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, **options)


def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = _C.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The triangle `1 - |x|`, x from -1 to 1."""
    by = _Options("bartlett", M, dtype, layout, device, requires_grad)
    if M < 2:
        return by.ones()
    return by.done(1 - _C.abs(by.spread(-1.0, 2 / _period(M, sym))))
