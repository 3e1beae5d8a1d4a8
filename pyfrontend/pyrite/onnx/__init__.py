"""Export to ONNX: a door."""

from __future__ import annotations

from pyrite._doors import door_class, door_function

__all__ = ["ExportOptions", "ONNXProgram", "export", "is_in_onnx_export"]

_MISSING = "ONNX exporter"

ExportOptions = door_class("onnx.ExportOptions", _MISSING)
ONNXProgram = door_class("onnx.ONNXProgram", _MISSING)
export = door_function("onnx.export", _MISSING)


def is_in_onnx_export() -> bool:
    """Whether a model is being exported: False."""
    return False
