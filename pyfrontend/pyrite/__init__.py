"""Pyrite: deep learning with PyTorch's Python API and a Rust core.

Public names only; what they do lives in the modules they come from. Heavy parts load on first use.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pyrite import (
    _C,
    _sparse_methods,
    _storage_parts,
    _tensor,
    _tensor_attributes,
    _tensor_data,
    overrides,  # before any class is derived from Tensor
)
from pyrite._C import *
from pyrite._C import (
    DeviceError as DeviceError,
    DTypeError as DTypeError,
    Generator as Generator,
    InternalError as InternalError,
    OutOfMemoryError as OutOfMemoryError,
    ShapeError as ShapeError,
    Tensor as Tensor,
    device as device,
    dtype as dtype,
    layout as layout,
    memory_format as memory_format,
)
from pyrite._checks import *
from pyrite._foreach import *
from pyrite._layouts import *
from pyrite._lowrank import *
from pyrite._removed import *
from pyrite._size import Size as Size
from pyrite._symbolic import *
from pyrite._unbuilt_dtypes import *
from pyrite._typename import typename as typename
from pyrite.autograd.grad_mode import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from pyrite.compat.metadata import install as _install_metadata
from pyrite.constants import e as e, inf as inf, nan as nan, newaxis as newaxis, pi as pi
from pyrite.functional import *
from pyrite.random import (
    default_generator as default_generator,
    fork_rng as fork_rng,
    get_rng_state as get_rng_state,
    initial_seed as initial_seed,
    manual_seed as manual_seed,
    seed as seed,
    set_rng_state as set_rng_state,
)
from pyrite.settings import *
from pyrite.storage import *
from pyrite.tensor_types import *
from pyrite.type_info import finfo as finfo, iinfo as iinfo
from pyrite.version import __version__ as __version__

if TYPE_CHECKING:  # what `__getattr__` loads, for type checkers and completion
    from pyrite import (
        __config__ as __config__,
        _dynamo as _dynamo,
        _ops as _ops,
        accelerator as accelerator,
        amp as amp,
        ao as ao,
        autograd as autograd,
        backends as backends,
        compat as compat,
        compiler as compiler,
        cpu as cpu,
        cuda as cuda,
        datasets as datasets,
        distributed as distributed,
        distributions as distributions,
        fft as fft,
        func as func,
        futures as futures,
        fx as fx,
        gpu as gpu,
        hub as hub,
        jit as jit,
        library as library,
        linalg as linalg,
        masked as masked,
        mps as mps,
        multiprocessing as multiprocessing,
        nn as nn,
        onnx as onnx,
        ops as ops,
        optim as optim,
        profiler as profiler,
        quantization as quantization,
        serialization as serialization,
        signal as signal,
        sparse as sparse,
        special as special,
        testing as testing,
        types as types,
        utils as utils,
        version as version,
        xpu as xpu,
    )
    from pyrite._tensor_str import (
        get_printoptions as get_printoptions,
        printoptions as printoptions,
        set_printoptions as set_printoptions,
    )
    from pyrite.amp import (
        autocast as autocast,
        is_autocast_available as is_autocast_available,
    )
    from pyrite.compiler import compile as compile
    from pyrite.func import vmap as vmap
    from pyrite.futures import Future as Future
    from pyrite.gpu import Event as Event, Stream as Stream
    from pyrite.jit import ScriptModule as ScriptModule
    from pyrite.serialization import (
        PyTorchFileReader as PyTorchFileReader,
        load as load,
        save as save,
    )
    from pyrite.signal.windows import kaiser_window as kaiser_window

_LAZY = frozenset(
    """
    __config__ _dynamo _ops accelerator amp ao autograd backends compat compiler cpu cuda
    datasets distributed distributions fft func futures fx gpu hub jit library linalg masked mps
    multiprocessing nn onnx ops optim profiler quantization serialization signal sparse special
    testing types utils version xpu
    """.split()
)
_FROM = {
    "PyTorchFileReader": "serialization",
    "Event": "gpu",
    "Future": "futures",
    "ScriptModule": "jit",
    "Stream": "gpu",
    "kaiser_window": "signal.windows",
    "save": "serialization",
    "load": "serialization",
    "set_printoptions": "_tensor_str",
    "get_printoptions": "_tensor_str",
    "printoptions": "_tensor_str",
    "compile": "compiler",
    "vmap": "func",
    "autocast": "amp",
    "is_autocast_available": "amp",
}

_install_metadata()
del _ops  # the core's list of ops; the module of that name loads on first use

if not TYPE_CHECKING:  # else any name would pass

    def __getattr__(name: str) -> Any:
        """Loads a submodule, or a name of one, on first use."""
        if name == "torch":  # PyTorch has itself as an attribute
            return importlib.import_module("pyrite")
        if name in _LAZY:
            return importlib.import_module(f"pyrite.{name}")
        if name in _FROM:
            value = getattr(importlib.import_module(f"pyrite.{_FROM[name]}"), name)
            globals()[name] = value
            return value
        raise AttributeError(f"module '{_C._display_name()}' has no attribute '{name}'")


def __dir__() -> list[str]:
    """Every public name, loaded or not."""
    return sorted({*globals(), *_LAZY, *_FROM})
