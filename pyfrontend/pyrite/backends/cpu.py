"""The CPU kernels of this build."""

from __future__ import annotations

from pyrite import _C

__all__ = ["get_cpu_capability"]


def get_cpu_capability() -> str:
    """The instruction set the kernels use on this machine: "DEFAULT", "AVX2" or "AVX512".

    It is the best one that the processor has, or the one that the environment variable
    `PYRITE_CPU_CAPABILITY` ("default", "avx2", "avx512") named at import, if that is lower.
    """
    capability: str = _C._get_cpu_capability()
    return capability
