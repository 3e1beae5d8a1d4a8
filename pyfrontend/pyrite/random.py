"""The default source of random numbers, with PyTorch's exact streams on the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pyrite._C import Generator, Tensor, _gpu_opened, _gpu_seed, default_generator

__all__ = [
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


def manual_seed(seed: int) -> Generator:
    """Start the streams of `seed`; on the CPU the same numbers as PyTorch's follow.

    Raises:
        RuntimeError: if the seed is outside -2^63 .. 2^64-1.

    Example:
        >>> generator = pyrite.manual_seed(0)
        >>> pyrite.rand(3)
        tensor([0.4963, 0.7682, 0.0885])
    """
    generator = default_generator.manual_seed(int(seed))
    _gpu_seed(int(seed))
    return generator


def seed() -> int:
    """Start the stream of a fresh seed of the system and return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed the stream was started with."""
    return default_generator.initial_seed()


def _rebuild_generator(state: Tensor) -> Generator:
    """A pickled generator: a new one that continues from `state`."""
    return Generator().set_state(state)


def get_rng_state() -> Tensor:
    """The state of the stream: 5056 bytes."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Continue the stream from a state got by `get_rng_state`."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(
    devices: Iterable[int] | None = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str = "cuda",
) -> Iterator[None]:
    """Leave the stream, after the block, where it was before it.

    Args:
        devices: GPUs whose streams to restore as well; None are all that are in use.
        enabled: False does nothing.
        device_type: the kind of `devices`; inert, there is one.
    """
    if not enabled:
        yield
        return
    from pyrite import gpu

    numbers = list(_gpu_opened() if devices is None else devices)
    streams = [(number, gpu.get_rng_state(number)) for number in numbers]
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
        for number, stream in streams:
            gpu.set_rng_state(stream, number)
