"""`PYRITE_CUDA_ALIAS=cpu:N`: N CUDA devices that are numbered places on the CPU.

What `pyrite.gpu` has, with the answers that hold here. Tensors there are host tensors that say
`cuda:i`; mixing places is refused as on real devices. All draw from the CPU's generator. Events
are reached as soon as they are recorded.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, NoReturn

from pyrite import _C
from pyrite._doors import not_built
from pyrite.gpu import (
    DeviceProperties,
    Event,
    Stream,
    current_device,
    current_stream,
    default_stream,
    device,
    device_of,
    set_device,
    set_stream,
    stream,
)
from pyrite.gpu.devices import index_of
from pyrite.random import default_generator

__all__ = [
    "DeviceProperties",
    "Event",
    "Stream",
    "current_device",
    "current_stream",
    "default_stream",
    "device",
    "device_count",
    "device_of",
    "empty_cache",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "get_rng_state_all",
    "initial_seed",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "memory_summary",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "set_rng_state_all",
    "set_stream",
    "stream",
    "synchronize",
]


def _existing(device: Any) -> int:
    """The number of a place; raises `RuntimeError` for one that there is not."""
    return _C.device("cuda", index_of(device)).index or 0


def is_available() -> bool:
    """Always, they are on the CPU."""
    return True


def is_initialized() -> bool:
    """Always, there is nothing to start."""
    return True


def device_count() -> int:
    """The N of PYRITE_CUDA_ALIAS."""
    return _C._cuda_on_cpu()


def synchronize(device: Any = None) -> None:
    """Returns at once: host tensors are ready when a call returns."""
    _existing(device)


def get_device_name(device: Any = None) -> str:
    """What it really is."""
    return f"CPU as cuda:{_existing(device)}"


def get_device_properties(device: Any = None) -> DeviceProperties:
    """Its name and the host's memory."""
    memory = mem_get_info(device)[1]
    return DeviceProperties(get_device_name(device), "", "Cpu", memory, {}, {})


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """The host's memory in bytes, free and in all."""
    _existing(device)
    page = os.sysconf("SC_PAGE_SIZE")
    return os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page


def memory_allocated(device: Any = None) -> int:
    """Zero: host memory is not counted by place."""
    _existing(device)
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def memory_stats(device: Any = None) -> OrderedDict[str, Any]:
    """Empty: host memory is not counted by place."""
    _existing(device)
    return OrderedDict()


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """One line: host memory is not counted by place."""
    return f"{get_device_name(device)}: host memory, not counted by place"


def reset_peak_memory_stats(device: Any = None) -> None:
    """Leaves the peaks at zero."""
    _existing(device)


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> NoReturn:
    """Limits nothing: raises `NotImplementedError`."""
    raise not_built("cuda.set_per_process_memory_fraction", "limits of host memory")


def empty_cache() -> None:
    """Gives nothing back: there is no device memory."""


def manual_seed(seed: int) -> None:
    """Seeds the CPU's generator, from which all places draw."""
    default_generator.manual_seed(int(seed) % 2**64)


def seed() -> None:
    """Seeds the CPU's generator from entropy."""
    default_generator.seed()


manual_seed_all = manual_seed
seed_all = seed


def initial_seed() -> int:
    """The seed of the CPU's generator."""
    return default_generator.initial_seed()


def get_rng_state(device: Any = None) -> _C.Tensor:
    """The state of the CPU's generator."""
    _existing(device)
    return default_generator.get_state()


def get_rng_state_all() -> list[_C.Tensor]:
    """The state of the CPU's generator, once for each place."""
    return [get_rng_state(index) for index in range(device_count())]


def set_rng_state(new_state: _C.Tensor, device: Any = None) -> None:
    """Sets the state of the CPU's generator."""
    _existing(device)
    default_generator.set_state(new_state)


def set_rng_state_all(new_states: Iterable[_C.Tensor]) -> None:
    """Sets the state of the CPU's generator, to the last of the places' states."""
    for index, state in enumerate(new_states):
        set_rng_state(state, index)
