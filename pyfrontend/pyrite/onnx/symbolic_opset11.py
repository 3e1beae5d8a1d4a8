"""Descriptions of the core's ops for the ONNX exporter: doors, as the exporter is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from pyrite._doors import door_function

__all__: list[str] = []


def __getattr__(name: str) -> Callable[..., NoReturn]:
    """The description of the op of that name, which raises when it is called."""
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return door_function(f"onnx.symbolic_opset11.{name}", "ONNX exporter")
