"""Meshes of devices: a door."""

from __future__ import annotations

from pyrite._doors import door_class, door_function

__all__ = ["DeviceMesh", "init_device_mesh"]

DeviceMesh = door_class("distributed.DeviceMesh", "device meshes")
init_device_mesh = door_function("distributed.init_device_mesh", "device meshes")
