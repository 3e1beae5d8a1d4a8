"""The older name of `pyrite.ao.quantization.observer`."""

from __future__ import annotations

from pyrite.ao.quantization.observer import *
