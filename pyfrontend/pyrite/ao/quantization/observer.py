"""Doors to what would watch the range of values before they are quantized."""

from __future__ import annotations

from pyrite._doors import door_class

__all__ = [
    "HistogramObserver",
    "MinMaxObserver",
    "MovingAverageMinMaxObserver",
    "ObserverBase",
    "PerChannelMinMaxObserver",
]

_HERE, _MISSING = "ao.quantization.observer", "quantization"

HistogramObserver = door_class(f"{_HERE}.HistogramObserver", _MISSING)
MinMaxObserver = door_class(f"{_HERE}.MinMaxObserver", _MISSING)
MovingAverageMinMaxObserver = door_class(f"{_HERE}.MovingAverageMinMaxObserver", _MISSING)
ObserverBase = door_class(f"{_HERE}.ObserverBase", _MISSING)
PerChannelMinMaxObserver = door_class(f"{_HERE}.PerChannelMinMaxObserver", _MISSING)
