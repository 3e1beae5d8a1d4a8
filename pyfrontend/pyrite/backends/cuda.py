"""NVIDIA's CUDA: not built. Its settings are inert (see the package's docstring).

The choice among attention kernels is inert too: there is one kernel, whatever is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

__all__ = [
    "allow_fp16_bf16_reduction_math_sdp",
    "cudnn_sdp_enabled",
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "flash_sdp_enabled",
    "fp16_bf16_reduction_math_sdp_allowed",
    "is_built",
    "math_sdp_enabled",
    "matmul",
    "mem_efficient_sdp_enabled",
    "sdp_kernel",
]


@dataclass
class _MatmulSettings:
    """Precision of CUDA matrix products."""

    allow_tf32: bool = False
    allow_fp16_reduced_precision_reduction: bool = True
    allow_bf16_reduced_precision_reduction: bool = True
    allow_fp16_accumulation: bool = False
    fp32_precision: str = "none"


@dataclass
class _AttentionSettings:
    """Which attention kernels CUDA may choose."""

    flash: bool = True
    mem_efficient: bool = True
    math: bool = True
    cudnn: bool = True
    reduced_math: bool = False


matmul = _MatmulSettings()
_attention = _AttentionSettings()


def is_built() -> bool:
    """Whether this build has CUDA: False."""
    return False


def flash_sdp_enabled() -> bool:
    """Whether CUDA may choose flash attention."""
    return _attention.flash


def enable_flash_sdp(enabled: bool) -> None:
    """Lets CUDA choose flash attention, or not."""
    _attention.flash = enabled


def mem_efficient_sdp_enabled() -> bool:
    """Whether CUDA may choose memory-efficient attention."""
    return _attention.mem_efficient


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Lets CUDA choose memory-efficient attention, or not."""
    _attention.mem_efficient = enabled


def math_sdp_enabled() -> bool:
    """Whether CUDA may choose attention from primitive operations."""
    return _attention.math


def enable_math_sdp(enabled: bool) -> None:
    """Lets CUDA choose attention from primitive operations, or not."""
    _attention.math = enabled


def cudnn_sdp_enabled() -> bool:
    """Whether CUDA may choose cuDNN's attention."""
    return _attention.cudnn


def enable_cudnn_sdp(enabled: bool) -> None:
    """Lets CUDA choose cuDNN's attention, or not."""
    _attention.cudnn = enabled


def fp16_bf16_reduction_math_sdp_allowed() -> bool:
    """Whether attention from primitive operations may reduce in half precision."""
    return _attention.reduced_math


def allow_fp16_bf16_reduction_math_sdp(enabled: bool) -> None:
    """Lets attention from primitive operations reduce in half precision, or not."""
    _attention.reduced_math = enabled


@contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> Iterator[None]:
    """Within the context, allow only some kernels; `nn.attention.sdpa_kernel` follows it."""
    before = replace(_attention)
    enable_flash_sdp(enable_flash)
    enable_math_sdp(enable_math)
    enable_mem_efficient_sdp(enable_mem_efficient)
    enable_cudnn_sdp(enable_cudnn)
    try:
        yield
    finally:
        enable_flash_sdp(before.flash)
        enable_math_sdp(before.math)
        enable_mem_efficient_sdp(before.mem_efficient)
        enable_cudnn_sdp(before.cudnn)
