"""The older name of `pyrite.ao.quantization`."""

from __future__ import annotations

from pyrite.ao.quantization import *
