"""Which CUDA devices there are: none."""

from __future__ import annotations

from typing import Any, NoReturn


def not_enabled(name: str) -> AssertionError:
    """The error of a build without CUDA, naming what was called."""
    return AssertionError(
        "Torch not compiled with CUDA enabled\n"
        f"  cuda.{name}: this build of Pyrite has no GPU engine"
    )


def is_available() -> bool:
    """Whether a device can be used: False."""
    return False


def is_initialized() -> bool:
    """Whether the driver has been started: False."""
    return False


def device_count() -> int:
    """The number of devices: 0."""
    return 0


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the current device computes in bfloat16: False, there is none."""
    return False


def is_tf32_supported() -> bool:
    """Whether the current device computes in TF32: False, there is none."""
    return False


def get_arch_list() -> list[str]:
    """The architectures this build has code for: none."""
    return []


def init() -> NoReturn:
    """Starts the driver; raises `AssertionError`."""
    raise not_enabled("init")


def current_device() -> NoReturn:
    """The index of the current device; raises `AssertionError`."""
    raise not_enabled("current_device")


def set_device(device: Any) -> None:
    """Makes a device current; a negative index changes nothing, as in PyTorch.

    Raises:
        AssertionError: any other device.
    """
    if not (isinstance(device, int) and device < 0):
        raise not_enabled("set_device")


def synchronize(device: Any = None) -> NoReturn:
    """Waits for a device; raises `AssertionError`."""
    raise not_enabled("synchronize")


def get_device_name(device: Any = None) -> NoReturn:
    """A device's name; raises `AssertionError`."""
    raise not_enabled("get_device_name")


def get_device_capability(device: Any = None) -> NoReturn:
    """A device's compute capability; raises `AssertionError`."""
    raise not_enabled("get_device_capability")


def get_device_properties(device: Any = None) -> NoReturn:
    """A device's properties; raises `AssertionError`."""
    raise not_enabled("get_device_properties")


def can_device_access_peer(device: Any, peer_device: Any) -> NoReturn:
    """Whether one device reads another's memory; raises `AssertionError`."""
    raise not_enabled("can_device_access_peer")


class device:
    """Context in which a device is current; entry raises unless the index is negative or None."""

    def __init__(self, device: Any) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            set_device(self.idx)

    def __exit__(self, *exception: object) -> None:
        pass
