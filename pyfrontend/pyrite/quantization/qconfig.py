"""The older name of `pyrite.ao.quantization.qconfig`."""

from __future__ import annotations

from pyrite.ao.quantization.qconfig import *
