"""What a second run of a function needs to repeat the first: random generators and autocast.

Layer L6, used by `checkpoint.py`. Generators are those of the CPU and of every device on which an
argument lies; a function that draws on a device where none of its arguments is draws anew.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, TypeAlias

from pyrite import _C
from pyrite._C import Tensor
from pyrite.amp import autocast, is_autocast_available

__all__ = ["Replay"]

RandomStates: TypeAlias = "dict[tuple[str, int | None], Tensor]"
_CPU = ("cpu", None)


def _device_module(device_type: str) -> Any:
    return importlib.import_module(f"pyrite.{device_type}")


def _random_states(devices: Iterable[tuple[str, int | None]]) -> RandomStates:
    states: RandomStates = {_CPU: _C.default_generator.get_state()}
    for device_type, index in devices:
        states[device_type, index] = _device_module(device_type).get_rng_state(index)
    return states


def _set_random_states(states: RandomStates) -> None:
    for (device_type, index), state in states.items():
        if device_type == "cpu":
            _C.default_generator.set_state(state)
        else:
            _device_module(device_type).set_rng_state(state, index)


class _Autocast(NamedTuple):
    device_type: str
    enabled: bool
    dtype: Any


class Replay:
    """The state at the time of construction, to be restored by `restored()`.

    Args:
        args: arguments of the function; their devices count.
        preserve_rng_state: whether generators belong to the state.
    """

    def __init__(self, args: Iterable[Any], preserve_rng_state: bool) -> None:
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        self._devices = {
            (t.device.type, t.device.index) for t in tensors if t.device.type not in ("cpu", "meta")
        }
        self._random = _random_states(self._devices) if preserve_rng_state else None
        kinds = dict.fromkeys(["cpu", *(device_type for device_type, _ in self._devices)])
        self._autocast = [
            _Autocast(kind, _C.is_autocast_enabled(kind), _C.get_autocast_dtype(kind))
            for kind in kinds
            if is_autocast_available(kind)
        ]

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Run under the recorded state; the state outside is put back afterwards."""
        with ExitStack() as stack:
            if self._random is not None:
                stack.callback(_set_random_states, _random_states(self._devices))
                _set_random_states(self._random)
            for mode in self._autocast:
                stack.enter_context(
                    autocast(mode.device_type, dtype=mode.dtype, enabled=mode.enabled)
                )
            yield
