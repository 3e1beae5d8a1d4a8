"""Pyrite: deep learning with PyTorch's Python API and a Rust core.

Public names only; what they do lives in the modules they come from. Heavy parts load on first use.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from pyrite import (
    _C,
    _tensor,
    _tensor_data,
)
from pyrite._C import *
from pyrite._C import (
    DeviceError,
    DTypeError,
    Generator,
    InternalError,
    ShapeError,
    Tensor,
    device,
    dtype,
    layout,
    memory_format,
)
from pyrite._size import Size
from pyrite._typename import typename
from pyrite.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from pyrite.compat.metadata import install as _install_metadata
from pyrite.constants import e, inf, nan, newaxis, pi
from pyrite.functional import *
from pyrite.random import (
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from pyrite.settings import *
from pyrite.storage import *
from pyrite.tensor_types import *
from pyrite.type_info import finfo, iinfo
from pyrite.version import __version__

_LAZY = {
    "accelerator", "amp", "autograd", "backends", "compat", "compiler", "cpu", "cuda", "datasets",
    "distributed", "distributions", "func", "fx", "hub", "jit", "linalg", "mps", "multiprocessing",
    "nn", "onnx", "optim", "profiler", "serialization", "special", "testing", "utils", "version",
}
_FROM = {
    "save": "serialization",
    "load": "serialization",
    "set_printoptions": "_tensor_str",
    "get_printoptions": "_tensor_str",
    "printoptions": "_tensor_str",
    "compile": "compiler",
    "autocast": "amp",
    "is_autocast_available": "amp",
}

_install_metadata()


def __getattr__(name: str) -> Any:
    """Loads a submodule, or a name of one, on first use."""
    if name in _LAZY:
        return importlib.import_module(f"pyrite.{name}")
    if name in _FROM:
        value = getattr(importlib.import_module(f"pyrite.{_FROM[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'torch' has no attribute '{name}'")


def __dir__() -> list[str]:
    """Every public name, loaded or not."""
    return sorted({*globals(), *_LAZY, *_FROM})
