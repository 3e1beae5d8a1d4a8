"""Meshes of devices: a door."""

from __future__ import annotations

from pyrite.distributed import DeviceMesh, init_device_mesh

__all__ = ["DeviceMesh", "init_device_mesh"]
