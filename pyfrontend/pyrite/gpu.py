"""GPUs, whatever their maker: Vulkan, Metal and Direct3D 12 devices through one set of shaders.

`device="gpu"` is the current one, `"gpu:1"` the second. `PYRITE_VISIBLE_DEVICES` (else
`CUDA_VISIBLE_DEVICES`) limits and orders them. A software adapter counts with
`PYRITE_SOFTWARE_GPU=1` only.
"""

from __future__ import annotations

import secrets
from typing import Any

from pyrite import _C

__all__ = [
    "adapters",
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "get_device_properties",
    "initial_seed",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "synchronize",
]


def is_available() -> bool:
    """Whether there is a GPU that can be used."""
    return _C._gpu_count() > 0


def is_initialized() -> bool:
    """Whether a GPU has been used."""
    return any(_C._gpu_is_open(index) for index in range(device_count()))


def device_count() -> int:
    """The number of GPUs."""
    return _C._gpu_count()


def adapters() -> list[dict[str, Any]]:
    """Every adapter that was tried: name, driver, kind, features, limits and why it is refused."""
    return _C._gpu_adapters()


def index_of(device: Any = None) -> int:
    """The number of a device given as such, as a string or a number; None is the current one.

    Raises:
        ValueError: the device is no GPU.
    """
    if device is None:
        return _C._gpu_current()
    if isinstance(device, int):
        return device
    device = _C.device(device)
    if device.type not in ("gpu", "cuda", "mps"):
        raise ValueError(f"Expected a gpu device, but got: {device}")
    return _C._gpu_current() if device.index is None else device.index


def current_device() -> int:
    """The number of the GPU that a device without a number means, on this thread."""
    return _C._gpu_current()


def set_device(device: Any) -> None:
    """Makes a GPU current on this thread; a negative number changes nothing."""
    index = index_of(device)
    if index >= 0:
        _C._gpu_set_current(index)


def synchronize(device: Any = None) -> None:
    """Waits for everything asked of a GPU; errors of that work are raised here."""
    _C._gpu_synchronize(index_of(device))


def get_device_name(device: Any = None) -> str:
    """The product's name."""
    return str(_C._gpu_adapter(index_of(device))["name"])


def get_device_properties(device: Any = None) -> dict[str, Any]:
    """Name, driver, kind, features and limits of a GPU."""
    return _C._gpu_adapter(index_of(device))


def memory_allocated(device: Any = None) -> int:
    """Bytes held by tensors."""
    return _memory(device, 0)


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that tensors held."""
    return _memory(device, 1)


def memory_reserved(device: Any = None) -> int:
    """Bytes taken from the driver."""
    return _memory(device, 2)


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes taken from the driver."""
    return _memory(device, 3)


def _memory(device: Any, which: int) -> int:
    index = index_of(device)
    return _C._gpu_memory(index)[which] if _C._gpu_is_open(index) else 0


def reset_peak_memory_stats(device: Any = None) -> None:
    """Starts the peak figures anew from what is held now."""
    _C._gpu_reset_peaks(index_of(device))


def empty_cache() -> None:
    """Gives memory that no tensor holds back to the driver."""
    for index in range(device_count()):
        if _C._gpu_is_open(index):
            _C._gpu_empty_cache(index)


def manual_seed(seed: int) -> None:
    """Starts the current GPU's random stream anew from a seed."""
    if is_available():
        _C._gpu_set_random_state(_C._gpu_current(), int(seed) % 2**64, 0)


def manual_seed_all(seed: int) -> None:
    """Starts every GPU's random stream anew from a seed, also of those not used yet."""
    _C._gpu_seed(int(seed))


def seed() -> None:
    """Starts the current GPU's random stream anew from entropy."""
    manual_seed(secrets.randbits(64))


def seed_all() -> None:
    """Starts every GPU's random stream anew from one seed of entropy."""
    manual_seed_all(secrets.randbits(64))


def initial_seed() -> int:
    """The seed of the current GPU's random stream."""
    return _C._gpu_random_state(_C._gpu_current())[0]
