"""Process-wide settings that PyTorch programs touch."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from pyrite import _C
from pyrite._C import device

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_default_device",
    "get_deterministic_debug_mode",
    "get_device_module",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_warn_always_enabled",
    "set_anomaly_enabled",
    "set_default_device",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_warn_always",
    "use_deterministic_algorithms",
]

_precision = "highest"
_DEBUG_MODES = ("default", "warn", "error")
_debug_mode = 0
_interop_threads = 1
_warn_always = False


def set_float32_matmul_precision(precision: str) -> None:
    """Accepts PyTorch's names; products are always computed at full precision on the CPU.

    Raises:
        ValueError: if the name is not "highest", "high" or "medium".
    """
    global _precision
    if precision not in ("highest", "high", "medium"):
        raise ValueError(
            f"float32 matmul precision must be one of highest, high, medium, got {precision!r}"
        )
    _precision = precision


def get_float32_matmul_precision() -> str:
    """The name given to `set_float32_matmul_precision`."""
    return _precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted; every kernel is deterministic for any number of threads."""


def are_deterministic_algorithms_enabled() -> bool:
    """Always: every kernel is deterministic for any number of threads."""
    return True


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether a kernel that is not deterministic only warns: False, there is none."""
    return False


def set_default_device(where: Any) -> None:
    """Where new tensors go when the call does not say; None means the CPU."""
    _C._set_default_device(device("cpu" if where is None else where))


def get_default_device() -> device:
    """Where new tensors go when the call does not say."""
    return _C._get_default_device()


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Accepts PyTorch's modes, 0 to 2 or their names; no kernel would warn or fail.

    Raises:
        RuntimeError: the mode is not 0, 1, 2, "default", "warn" or "error".
        TypeError: it is neither a number nor text.
    """
    global _debug_mode
    if not isinstance(debug_mode, int | str):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in _DEBUG_MODES:
            raise RuntimeError(
                "invalid value of debug_mode, expected one of `default`, `warn`, `error`, "
                f"but got {debug_mode}"
            )
        debug_mode = _DEBUG_MODES.index(debug_mode)
    if not 0 <= debug_mode <= 2:
        raise RuntimeError(
            f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}"
        )
    _debug_mode = debug_mode


def get_deterministic_debug_mode() -> int:
    """The number of the mode that `set_deterministic_debug_mode` was given."""
    return _debug_mode


def get_device_module(device: Any = None) -> ModuleType:
    """The module with what is particular to a kind of device, such as `pyrite.cuda`.

    Args:
        device: the device or its type, the default device if None.

    Raises:
        RuntimeError: there is no such module.
    """
    kind = _C.device(device if device is not None else get_default_device()).type
    try:
        return import_module(f"pyrite.{kind}")
    except ModuleNotFoundError:
        raise RuntimeError(
            f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'."
        ) from None


def set_flush_denormal(mode: bool) -> bool:
    """Whether tiny numbers can be rounded to zero: False, they are kept whatever `mode` says."""
    return False


def set_num_interop_threads(num_threads: int) -> None:
    """Accepted: ops run one after the other, `set_num_threads` is for what happens within one.

    Raises:
        RuntimeError: the number is not positive.
    """
    global _interop_threads
    if num_threads <= 0:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _interop_threads = num_threads


def get_num_interop_threads() -> int:
    """The number that `set_num_interop_threads` was given, 1 at first."""
    return _interop_threads


def set_warn_always(mode: bool) -> None:
    """Accepted: what is warned of once in a process stays so."""
    global _warn_always
    _warn_always = mode


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` was given."""
    return _warn_always


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Turns anomaly mode on or off, with or without the search for NaN."""
    _C._set_anomaly_mode(mode, check_nan)


def is_anomaly_enabled() -> bool:
    """Whether nodes remember where they were recorded."""
    return _C._anomaly_mode()[0]


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode searches gradients for NaN, or would if it were on."""
    on, check_nan = _C._anomaly_mode()
    return check_nan or not on
