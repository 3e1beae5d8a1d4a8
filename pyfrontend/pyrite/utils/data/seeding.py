"""Seeds of the random generators that user code draws from while samples are fetched.

Python layer. Three generators are set together: the core's default generator, Python's `random`
and, if the process uses it, NumPy's global one. By default they are set once a worker (PyTorch's
rule: base seed + worker id); with `sample_seeding` before each sample.
Invariant: NumPy is never imported here; a later first import finds its generator seeded.
"""

from __future__ import annotations

import contextlib
import numbers
import random
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from pyrite import _C

__all__ = ["draw_base_seed", "preserved_generators", "seed_sample", "seed_worker"]

_MASK64 = 2**64 - 1
_NUMPY_RANDOM = "numpy.random"


def draw_base_seed(generator: _C.Generator | None) -> int:
    """Draw the seed of one epoch from a DataLoader's generator (int64, 0 <= seed < 2^63)."""
    return int(_C.empty((), dtype=_C.int64).random_(generator=generator).item())


def seed_worker(base_seed: int, worker_id: int) -> int:
    """Seed a worker process as PyTorch does; return the seed of its default generator."""
    seed = base_seed + worker_id
    random.seed(seed)
    _C.default_generator.manual_seed(seed)
    _numpy.install()
    _numpy.seed([worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0])
    return seed


def seed_sample(base_seed: int, position: int, key: Any) -> None:
    """Seed the generators for one sample.

    Args:
        base_seed: the epoch's seed.
        position: place of the sample in the epoch: a key that is drawn twice gets other numbers.
        key: the sample's key; an integer takes part, so that ranks with different keys differ.
    """
    seed = _mix(_mix(base_seed) ^ position)
    if isinstance(key, numbers.Integral):
        seed = _mix(seed ^ (int(key) & _MASK64))
    random.seed(seed)
    _C.default_generator.manual_seed(seed)
    _numpy.seed([seed & 0xFFFFFFFF, seed >> 32])


def _mix(value: int) -> int:
    """SplitMix64, a bijection of 64-bit words (Steele, Lea and Flood, OOPSLA 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK64
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK64
    return value ^ (value >> 31)


@contextlib.contextmanager
def preserved_generators() -> Iterator[None]:
    """Give the process its generators' states back after samples were seeded in it."""
    python_state = random.getstate()
    core_state = _C.default_generator.get_state()
    with _numpy.preserved():
        try:
            yield
        finally:
            random.setstate(python_state)
            _C.default_generator.set_state(core_state)


class _NumpySeeder(MetaPathFinder):
    """Seeds NumPy's global generator now if it is loaded, else as soon as it is."""

    def __init__(self) -> None:
        self._entropy: Sequence[int] | None = None

    def install(self) -> None:
        if _NUMPY_RANDOM not in sys.modules and self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    @contextlib.contextmanager
    def preserved(self) -> Iterator[None]:
        before = sys.modules.get(_NUMPY_RANDOM)
        state = before.get_state() if before else None
        self.install()
        try:
            yield
        finally:
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            self._entropy = None
            after = sys.modules.get(_NUMPY_RANDOM)
            if before:
                before.set_state(state)
            elif after:
                after.seed()  # imported meanwhile: as fresh as an import leaves it

    def seed(self, entropy: Sequence[int]) -> None:
        self._entropy = entropy
        module = sys.modules.get(_NUMPY_RANDOM)
        if module is not None:
            self._apply(module)

    def _apply(self, module: ModuleType) -> None:
        if self._entropy is not None:
            words = module.SeedSequence(self._entropy).generate_state(4)
            module.seed(words)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _NUMPY_RANDOM:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            self._seed_after(spec.loader)
        return spec

    def _seed_after(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self._apply(module)

        loader.exec_module = exec_module


_numpy = _NumpySeeder()
