"""The random streams of CUDA devices: those of `pyrite.gpu`.

`pyrite.manual_seed` seeds all streams; programs call the functions here beside it unchecked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyrite import _C, gpu

from .devices import enabled, need

default_generators: tuple[_C.Generator, ...] = ()


def manual_seed(seed: int) -> None:
    """Seeds the current device's stream, where there is one."""
    gpu.manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Seeds every device's stream."""
    gpu.manual_seed_all(seed)


def seed() -> None:
    """Seeds the current device's stream from entropy, where there is one."""
    gpu.seed()


def seed_all() -> None:
    """Seeds every device's stream from entropy."""
    gpu.seed_all()


def initial_seed() -> int:
    """The seed of the current device's stream; raises `AssertionError` without a device."""
    need("initial_seed")
    return gpu.initial_seed()


def get_rng_state(device: Any = "cuda") -> _C.Tensor:
    """The state of a device's stream; raises `AssertionError` without a device."""
    need("get_rng_state")
    return gpu.get_rng_state(device)


def get_rng_state_all() -> list[_C.Tensor]:
    """The state of every device's stream; an empty list without a device."""
    return gpu.get_rng_state_all() if enabled() else []


def set_rng_state(new_state: _C.Tensor, device: Any = "cuda") -> None:
    """Sets the state of a device's stream; raises `AssertionError` without a device."""
    need("set_rng_state")
    gpu.set_rng_state(new_state, device)


def set_rng_state_all(new_states: Iterable[_C.Tensor]) -> None:
    """Sets the state of every device's stream, one entry a device.

    Raises:
        AssertionError: there is an entry, and no device that it belongs to.
    """
    for index, state in enumerate(new_states):
        set_rng_state(state, index)
