"""The random streams of GPUs: Philox4x32-10, one a device.

A state is 16 bytes as in PyTorch: the seed, then the stream's position, both little-endian.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from pyrite import _C

from .devices import device_count, index_of, is_available


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


def get_rng_state(device: Any = "gpu") -> _C.Tensor:
    """The state of a GPU's stream: 16 bytes."""
    seed, position = _C._gpu_random_state(index_of(device))
    packed = seed.to_bytes(8, "little") + position.to_bytes(8, "little")
    return _C.tensor(list(packed), dtype=_C.uint8)


def get_rng_state_all() -> list[_C.Tensor]:
    """The state of every GPU's stream."""
    return [get_rng_state(index) for index in range(device_count())]


def set_rng_state(new_state: _C.Tensor, device: Any = "gpu") -> None:
    """Continues a GPU's stream from a state.

    Raises:
        RuntimeError: it is not a uint8 tensor of 16 elements.
    """
    if new_state.dtype != _C.uint8 or new_state.numel() != 16:
        raise RuntimeError(
            "RNG state is wrong size\n  gpu.set_rng_state: a uint8 tensor of 16 elements is "
            f"needed; got {new_state.dtype} of {new_state.numel()}"
        )
    packed = bytes(new_state.tolist())
    seed, position = (int.from_bytes(part, "little") for part in (packed[:8], packed[8:]))
    _C._gpu_set_random_state(index_of(device), seed, position)


def set_rng_state_all(new_states: Iterable[_C.Tensor]) -> None:
    """Continues every GPU's stream from its state."""
    for index, state in enumerate(new_states):
        set_rng_state(state, index)
