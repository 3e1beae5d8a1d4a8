"""`pyrite.fft`: discrete Fourier transforms under the names PyTorch gives them here."""

from __future__ import annotations

from pyrite._C import fft_fft as fft
from pyrite._C import fft_fft2 as fft2
from pyrite._C import fft_fftfreq as fftfreq
from pyrite._C import fft_fftn as fftn
from pyrite._C import fft_fftshift as fftshift
from pyrite._C import fft_hfft as hfft
from pyrite._C import fft_hfft2 as hfft2
from pyrite._C import fft_hfftn as hfftn
from pyrite._C import fft_ifft as ifft
from pyrite._C import fft_ifft2 as ifft2
from pyrite._C import fft_ifftn as ifftn
from pyrite._C import fft_ifftshift as ifftshift
from pyrite._C import fft_ihfft as ihfft
from pyrite._C import fft_ihfft2 as ihfft2
from pyrite._C import fft_ihfftn as ihfftn
from pyrite._C import fft_irfft as irfft
from pyrite._C import fft_irfft2 as irfft2
from pyrite._C import fft_irfftn as irfftn
from pyrite._C import fft_rfft as rfft
from pyrite._C import fft_rfft2 as rfft2
from pyrite._C import fft_rfftfreq as rfftfreq
from pyrite._C import fft_rfftn as rfftn

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "hfft2",
    "hfftn",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "ihfft2",
    "ihfftn",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]
