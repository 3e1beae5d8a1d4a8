"""Which kernels `scaled_dot_product_attention` may use (L6).

Pyrite has one kernel, so a choice changes nothing but what `pyrite.backends.cuda` says of it.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator

from pyrite.backends import cuda

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.Enum):
    """The kernels of PyTorch."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


_SETTINGS = {
    SDPBackend.MATH: (cuda.math_sdp_enabled, cuda.enable_math_sdp),
    SDPBackend.FLASH_ATTENTION: (cuda.flash_sdp_enabled, cuda.enable_flash_sdp),
    SDPBackend.EFFICIENT_ATTENTION: (
        cuda.mem_efficient_sdp_enabled,
        cuda.enable_mem_efficient_sdp,
    ),
    SDPBackend.CUDNN_ATTENTION: (cuda.cudnn_sdp_enabled, cuda.enable_cudnn_sdp),
}


@contextlib.contextmanager
def sdpa_kernel(
    backends: SDPBackend | list[SDPBackend], set_priority: bool = False
) -> Iterator[None]:
    """Within the context, allow only some kernels.

    Args:
        backends: the kernels; inert, as there is one.
        set_priority: whether their order says which to prefer; inert.

    Raises:
        AssertionError: `backends` is neither a kernel nor a list of them.
    """
    chosen = [backends] if isinstance(backends, SDPBackend) else backends
    if not isinstance(chosen, list) or not all(isinstance(one, SDPBackend) for one in chosen):
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend")
    before = {backend: enabled() for backend, (enabled, _) in _SETTINGS.items()}
    try:
        for backend, (_, enable) in _SETTINGS.items():
            enable(backend in chosen)
        yield
    finally:
        for backend, (_, enable) in _SETTINGS.items():
            enable(before[backend])
