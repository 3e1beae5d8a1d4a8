"""Doors to the choice of observers."""

from __future__ import annotations

from pyrite._doors import door_class, door_function

__all__ = ["QConfig", "get_default_qat_qconfig", "get_default_qconfig"]

_HERE, _MISSING = "ao.quantization.qconfig", "quantization"

QConfig = door_class(f"{_HERE}.QConfig", _MISSING)
get_default_qat_qconfig = door_function(f"{_HERE}.get_default_qat_qconfig", _MISSING)
get_default_qconfig = door_function(f"{_HERE}.get_default_qconfig", _MISSING)
