"""The tracer under the name of PyTorch's module; generated code calls `wrap` here."""

from __future__ import annotations

from pyrite.fx.patching import wrap
from pyrite.fx.tracer import (
    PH,
    PHBase,
    ProxyableClassMeta,
    Tracer,
    _assert_is_none,
    symbolic_trace,
)

__all__ = [
    "PH",
    "PHBase",
    "ProxyableClassMeta",
    "Tracer",
    "_assert_is_none",
    "symbolic_trace",
    "wrap",
]
