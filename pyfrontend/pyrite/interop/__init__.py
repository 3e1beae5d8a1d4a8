"""Exchange with other libraries: `pyrite.interop.wgpu` for wgpu-py."""

from __future__ import annotations

__all__: list[str] = []
