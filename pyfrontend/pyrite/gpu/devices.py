"""Which GPUs there are, what they are, and which of them is current."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyrite import _C


def is_available() -> bool:
    """Whether there is a GPU that can be used."""
    return _C._gpu_count() > 0


def is_initialized() -> bool:
    """Whether a GPU has been used."""
    return bool(_C._gpu_opened())


def device_count() -> int:
    """The number of GPUs."""
    return _C._gpu_count()


def adapters() -> list[dict[str, Any]]:
    """Every adapter that was tried: name, driver, kind, features, limits and why it is refused."""
    return _C._gpu_adapters()


def fallbacks() -> dict[str, int]:
    """How often each op ran on the CPU because it has no kernel for the GPU, by name.

    The first time of an op is warned of. `PYRITE_GPU_FALLBACK=error` makes it an error instead.
    """
    return _C._gpu_fallbacks()


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
    """Makes a GPU current on this thread; a negative number changes nothing.

    Raises:
        DeviceError: there is no such GPU.
    """
    index = index_of(device)
    if index >= 0:
        _C._gpu_set_current(index)


class device:
    """Context in which a GPU is current; a negative number or None changes nothing."""

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None else index_of(device)
        self._before = -1

    def __enter__(self) -> None:
        if self.idx >= 0:
            self._before = current_device()
            set_device(self.idx)

    def __exit__(self, *exception: object) -> None:
        set_device(self._before)
        self._before = -1


class device_of(device):
    """Context in which the GPU of a tensor is current; a tensor elsewhere changes nothing."""

    def __init__(self, obj: _C.Tensor) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else None)


def synchronize(device: Any = None) -> None:
    """Waits for everything asked of a GPU; errors of that work are raised here."""
    _C._gpu_synchronize(index_of(device))


def is_fusion_enabled(device: Any = None) -> bool:
    """Whether elementwise ops become one kernel with those that use their results."""
    return _C._gpu_fuses(index_of(device))


def set_fusion_enabled(enabled: bool, device: Any = None) -> None:
    """Makes each elementwise op a kernel of its own, or one with those that use its result.

    Fused, an op waits until something else is asked of the GPU: a temporary result is then neither
    written nor read. Values are the same within two units in the last place; on most drivers they
    are equal. `PYRITE_GPU_FUSION=0` turns it off for a process.
    """
    _C._gpu_set_fusion(index_of(device), enabled)


def get_device_name(device: Any = None) -> str:
    """The product's name."""
    return str(_C._gpu_adapter(index_of(device))["name"])


@dataclass(frozen=True)
class DeviceProperties:
    """What is known of a GPU.

    `total_memory` is in bytes, 0 where the driver does not tell. `major` and `minor` are CUDA's
    compute capability, which no GPU has here: 0.0 fails every test for a feature of NVIDIA's.
    """

    name: str
    driver: str
    kind: str
    total_memory: int
    features: dict[str, bool]
    limits: dict[str, int]
    major: int = 0
    minor: int = 0


def get_device_properties(device: Any = None) -> DeviceProperties:
    """Name, driver, kind, memory, features and limits of a GPU."""
    facts = _C._gpu_adapter(index_of(device))
    return DeviceProperties(
        facts["name"],
        facts["driver"],
        facts["kind"],
        facts["total_memory"] or 0,
        dict(facts["features"]),
        dict(facts["limits"]),
    )
