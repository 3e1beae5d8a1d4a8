"""Automatic differentiation. Public names only."""

from __future__ import annotations

import importlib
from typing import Any

from pyrite.autograd import grad_mode, graph
from pyrite.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from pyrite.autograd.engine import backward, grad
from pyrite.autograd.function import Function
from pyrite.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from pyrite.autograd.gradcheck import gradcheck, gradgradcheck
from pyrite.autograd.variable import Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]

_LAZY = {"forward_ad", "functional", "profiler"}


def __getattr__(name: str) -> Any:
    """Loads the rarer parts on first use."""
    if name in _LAZY:
        return importlib.import_module(f"pyrite.autograd.{name}")
    raise AttributeError(f"module 'torch.autograd' has no attribute '{name}'")
