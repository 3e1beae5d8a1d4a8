"""What PyTorch's backends say of this build: the CPU kernels are ours, the others are not there.

Settings of an absent backend (`cudnn.benchmark`, `cuda.matmul.allow_tf32`, ...) can be read and
written, as in a PyTorch build without it: they are inert, because nothing reads them.
"""

from __future__ import annotations

from . import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp, opt_einsum, quantized

__all__ = [
    "cpu",
    "cuda",
    "cudnn",
    "mkl",
    "mkldnn",
    "mps",
    "openmp",
    "opt_einsum",
    "quantized",
]
