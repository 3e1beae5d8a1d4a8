"""Fourier transforms, their windows and frames."""

from __future__ import annotations

from op_samples.make import Samples, call


def _waves(t, *shape):
    part = t.fixed(*shape), t.fixed(*shape)
    return t.package.complex(*part).requires_grad_()


def _one(make):
    return lambda t: [
        call(make(t, 5)),
        call(make(t, 2, 4), 6, 1, "ortho"),
        call(make(t, 5, 2), 3, 0, "forward"),
    ]


def _two(make):
    return lambda t: [call(make(t, 3, 4)), call(make(t, 2, 3, 4), (4, 2), (0, 2), "ortho")]


def _many(make):
    return lambda t: [
        call(make(t, 2, 3, 4)),
        call(make(t, 3, 4), (2, 6), norm="forward"),
        call(make(t, 2, 3, 4), dim=(0, 1)),
    ]


def _real(t, *shape):
    return t(*shape)


def _shift(t):
    return [call(t(5)), call(t(2, 3), 1), call(t(2, 3, 2), (0, 1))]


def _frequencies(t):
    return [call(5), call(4, 0.5, dtype=t.package.float64)]


def _window(*rest):
    return lambda t: [
        call(6, dtype=t.package.float64),
        call(5, False, *rest, dtype=t.package.float64),
        call(1),
        call(0),
    ]


SAMPLES: Samples = {
    "bartlett_window": _window(),
    "blackman_window": _window(),
    "fft_fft": lambda t: [*_one(_real)(t), *_one(_waves)(t)],
    "fft_fft2": lambda t: [*_two(_real)(t), *_two(_waves)(t)],
    "fft_fftfreq": _frequencies,
    "fft_fftn": lambda t: [*_many(_real)(t), *_many(_waves)(t)],
    "fft_fftshift": _shift,
    "fft_hfft": _one(_waves),
    "fft_hfft2": _two(_waves),
    "fft_hfftn": _many(_waves),
    "fft_ifft": lambda t: [*_one(_real)(t), *_one(_waves)(t)],
    "fft_ifft2": _two(_waves),
    "fft_ifftn": _many(_waves),
    "fft_ifftshift": _shift,
    "fft_ihfft": _one(_real),
    "fft_ihfft2": _two(_real),
    "fft_ihfftn": _many(_real),
    "fft_irfft": _one(_waves),
    "fft_irfft2": _two(_waves),
    "fft_irfftn": _many(_waves),
    "fft_rfft": _one(_real),
    "fft_rfft2": _two(_real),
    "fft_rfftfreq": _frequencies,
    "fft_rfftn": _many(_real),
    "hamming_window": _window(0.5, 0.4),
    "hann_window": _window(),
    "istft": lambda t: [
        call(_waves(t, 3, 5), 4, 2, window=t.fixed(4, low=0.5, high=1)),
        call(_waves(t, 2, 3, 4), 4, 1, center=True, length=3, normalized=True),
    ],
    "stft": lambda t: [
        call(t(9), 4, return_complex=True),
        call(t(2, 8), 4, 2, 3, t.fixed(3, low=0.5, high=1), False, return_complex=True),
        call(t(8), 4, 2, normalized=True, onesided=False, return_complex=True),
    ],
}


def _refused(make):
    return lambda t: [
        call(make(t, 3), 0),
        call(make(t, 3), None, 1),
        call(make(t, 3), None, -1, "nope"),
    ]


def _refused_many(make):
    return lambda t: [
        call(make(t, 2, 3), (2, 3), (0,)),
        call(make(t, 2, 3), None, (0, 0)),
        call(make(t, 2, 3), None, (0, 2)),
        call(make(t, 2, 3), (0, 2)),
    ]


ERRORS: Samples = {
    **{f"fft_{name}": _refused(_real) for name in ("fft", "ifft", "rfft", "ihfft")},
    **{f"fft_{name}": _refused(_waves) for name in ("hfft", "irfft")},
    **{
        f"fft_{name}{suffix}": _refused_many(_real)
        for name in ("fft", "ifft", "rfft", "ihfft")
        for suffix in ("2", "n")
    },
    **{
        f"fft_{name}{suffix}": _refused_many(_waves)
        for name in ("hfft", "irfft")
        for suffix in ("2", "n")
    },
    "fft_fftfreq": lambda t: [call(-1)],
    "fft_fftshift": lambda t: [call(t(3), 1)],
    "hann_window": lambda t: [call(-1)],
    "istft": lambda t: [call(t(3, 4), 4), call(_waves(t, 3, 4), 4, 0)],
    "stft": lambda t: [
        call(t(8), 0, return_complex=True),
        call(t(8), 4, 0, return_complex=True),
        call(t(8), 4, 2, 5, return_complex=True),
        call(t(), 4, return_complex=True),
    ],
}
