"""Which CUDA devices there are: those of `pyrite.gpu` where they are shown here, else none.

They are shown under `PYRITE_CUDA_ALIAS=1`, which `pyrite run` sets.
"""

from __future__ import annotations

import os
from typing import Any

from pyrite import _C, gpu


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


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """A device's CUDA compute capability; raises `AssertionError` without a device.

    No GPU has one here: (0, 0) fails every test for a feature of NVIDIA's.
    """
    properties = get_device_properties(device)
    return properties.major, properties.minor


def get_device_properties(device: Any = None) -> gpu.DeviceProperties:
    """What is known of a device; raises `AssertionError` without one."""
    need("get_device_properties")
    return gpu.get_device_properties(device)


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether one device reads another's memory: never; raises `AssertionError` without one."""
    need("can_device_access_peer")
    return False


def is_current_stream_capturing() -> bool:
    """Whether work is being captured into a graph: never."""
    return False


class device(gpu.device):
    """Context in which a device is current; entry raises unless the index is negative or None."""

    def __enter__(self) -> None:
        if self.idx >= 0:
            need("device")
        super().__enter__()


class device_of(device):
    """Context in which the device of a tensor is current; a tensor elsewhere changes nothing."""

    def __init__(self, obj: _C.Tensor) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else None)
