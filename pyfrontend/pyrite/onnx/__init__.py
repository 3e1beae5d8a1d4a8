"""Export to ONNX: a door. Packages describe their operators to the exporter when imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyrite._doors import door_class, door_function
from pyrite.onnx import symbolic_helper, symbolic_opset11

__all__ = [
    "ExportOptions",
    "ONNXProgram",
    "export",
    "is_in_onnx_export",
    "register_custom_op_symbolic",
    "symbolic_helper",
    "symbolic_opset11",
    "unregister_custom_op_symbolic",
]

_MISSING = "ONNX exporter"

ExportOptions = door_class("onnx.ExportOptions", _MISSING)
ONNXProgram = door_class("onnx.ONNXProgram", _MISSING)
export = door_function("onnx.export", _MISSING)

_RULES: dict[tuple[str, int], Callable[..., Any]] = {}


def is_in_onnx_export() -> bool:
    """Whether a model is being exported: False."""
    return False


def register_custom_op_symbolic(
    symbolic_name: str, symbolic_fn: Callable[..., Any], opset_version: int
) -> None:
    """Keeps how an operator is exported, by name and version; `export` itself is not built.

    Raises:
        ValueError: the name has no namespace.
    """
    if "::" not in symbolic_name:
        raise ValueError(
            f"Failed to register operator {symbolic_name}. The symbolic name must match the format "
            "domain::name, and should start with a letter and contain only alphanumerical "
            "characters"
        )
    _RULES[symbolic_name, opset_version] = symbolic_fn


def unregister_custom_op_symbolic(symbolic_name: str, opset_version: int) -> None:
    """Forgets what `register_custom_op_symbolic` was told."""
    _RULES.pop((symbolic_name, opset_version), None)
