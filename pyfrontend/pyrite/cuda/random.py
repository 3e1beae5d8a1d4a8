"""The random streams of CUDA devices: those of `pyrite.gpu`; reading their state is not built.

`pyrite.manual_seed` seeds all streams; programs call the functions here beside it unchecked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from pyrite import _C, gpu

from .devices import not_enabled

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


def initial_seed() -> NoReturn:
    """The seed of the current device's generator; raises `AssertionError`."""
    raise not_enabled("initial_seed")


def get_rng_state(device: Any = "cuda") -> NoReturn:
    """The state of a device's generator; raises `AssertionError`."""
    raise not_enabled("get_rng_state")


def get_rng_state_all() -> list[_C.Tensor]:
    """The state of every device's generator: an empty list."""
    return []


def set_rng_state(new_state: _C.Tensor, device: Any = "cuda") -> NoReturn:
    """Sets the state of a device's generator; raises `AssertionError`."""
    raise not_enabled("set_rng_state")


def set_rng_state_all(new_states: Iterable[_C.Tensor]) -> None:
    """Sets the state of every device's generator, one entry a device.

    Raises:
        AssertionError: there is an entry, and no device that it belongs to.
    """
    for _ in new_states:
        raise not_enabled("set_rng_state_all")
