"""Quantization, as far as models in floating point meet it: the stubs. The rest are doors."""

from __future__ import annotations

from typing import Any

from pyrite import Tensor, nn
from pyrite._doors import door_function

from .observer import (
    HistogramObserver,
    MinMaxObserver,
    MovingAverageMinMaxObserver,
    ObserverBase,
    PerChannelMinMaxObserver,
)
from .qconfig import QConfig, get_default_qat_qconfig, get_default_qconfig

__all__ = [
    "DeQuantStub",
    "HistogramObserver",
    "MinMaxObserver",
    "MovingAverageMinMaxObserver",
    "ObserverBase",
    "PerChannelMinMaxObserver",
    "QConfig",
    "QuantStub",
    "convert",
    "fuse_modules",
    "get_default_qat_qconfig",
    "get_default_qconfig",
    "prepare",
    "prepare_qat",
    "quantize",
    "quantize_dynamic",
]

_MISSING = "quantization"

convert = door_function("ao.quantization.convert", _MISSING)
fuse_modules = door_function("ao.quantization.fuse_modules", _MISSING)
prepare = door_function("ao.quantization.prepare", _MISSING)
prepare_qat = door_function("ao.quantization.prepare_qat", _MISSING)
quantize = door_function("ao.quantization.quantize", _MISSING)
quantize_dynamic = door_function("ao.quantization.quantize_dynamic", _MISSING)


class _Stub(nn.Module):
    """Marks a place; in floating point it passes its input on."""

    def __init__(self, qconfig: Any = None) -> None:
        super().__init__()
        if qconfig:
            self.qconfig = qconfig

    def forward(self, x: Tensor) -> Tensor:
        """The input."""
        return x


class QuantStub(_Stub):
    """Where a quantized model would quantize its input."""


class DeQuantStub(_Stub):
    """Where a quantized model would return to floating point."""
