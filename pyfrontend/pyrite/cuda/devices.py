"""Which CUDA devices there are: those of `pyrite.gpu` under `PYRITE_CUDA_ALIAS=1`, else none."""

from __future__ import annotations

import os
from typing import Any, NoReturn

from pyrite import gpu


def not_enabled(name: str) -> AssertionError:
    """The error of a build without CUDA, naming what was called."""
    return AssertionError(
        "Torch not compiled with CUDA enabled\n"
        f"  cuda.{name}: GPUs are at pyrite.gpu; set PYRITE_CUDA_ALIAS=1 to find them here too"
    )


def enabled() -> bool:
    """Whether GPUs are shown here."""
    return os.environ.get("PYRITE_CUDA_ALIAS") == "1" and gpu.is_available()


def need(name: str) -> None:
    """Raises `AssertionError` where no GPU is shown here."""
    if not enabled():
        raise not_enabled(name)


def is_available() -> bool:
    """Whether a device can be used."""
    return enabled()


def is_initialized() -> bool:
    """Whether a device has been used."""
    return enabled() and gpu.is_initialized()


def device_count() -> int:
    """The number of devices."""
    return gpu.device_count() if enabled() else 0


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether bfloat16 can be used: by emulation only (computed in float32)."""
    return enabled() and including_emulation


def is_tf32_supported() -> bool:
    """Whether the current device computes in TF32: never."""
    return False


def get_arch_list() -> list[str]:
    """The architectures this build has code for: shaders are compiled by the driver, so none."""
    return []


def init() -> None:
    """Starts the driver; raises `AssertionError` without a device."""
    need("init")
    gpu.synchronize()


def current_device() -> int:
    """The index of the current device; raises `AssertionError` without one."""
    need("current_device")
    return gpu.current_device()


def set_device(device: Any) -> None:
    """Makes a device current; a negative index changes nothing, as in PyTorch.

    Raises:
        AssertionError: any other device, where there is none.
    """
    if not (isinstance(device, int) and device < 0):
        need("set_device")
        gpu.set_device(device)


def synchronize(device: Any = None) -> None:
    """Waits for a device; raises `AssertionError` without one."""
    need("synchronize")
    gpu.synchronize(device)


def get_device_name(device: Any = None) -> str:
    """A device's name; raises `AssertionError` without one."""
    need("get_device_name")
    return gpu.get_device_name(device)


def get_device_capability(device: Any = None) -> NoReturn:
    """A device's CUDA compute capability; raises `AssertionError`: GPUs here have none."""
    raise not_enabled("get_device_capability")


def get_device_properties(device: Any = None) -> NoReturn:
    """A device's CUDA properties; raises `AssertionError`: see `gpu.get_device_properties`."""
    raise not_enabled("get_device_properties")


def can_device_access_peer(device: Any, peer_device: Any) -> NoReturn:
    """Whether one device reads another's memory; raises `AssertionError`."""
    raise not_enabled("can_device_access_peer")


class device:
    """Context in which a device is current; entry raises unless the index is negative or None."""

    def __init__(self, device: Any) -> None:
        self.idx = device
        self._before = -1

    def __enter__(self) -> None:
        if self.idx is not None:
            self._before = gpu.current_device()
            set_device(self.idx)

    def __exit__(self, *exception: object) -> None:
        if enabled():
            set_device(self._before)
