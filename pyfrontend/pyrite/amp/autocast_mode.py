"""Automatic mixed precision: the `autocast` context and its helpers for custom Functions.

Layer L6. Which operation runs in which dtype is a column of the op table; this file only switches
the mode on and off for a kind of device. Casts of parameters are kept until the outermost context
ends.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pyrite import _C
from pyrite._C import Tensor

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

_DEVICE_TYPES = ("cpu", "gpu", "cuda", "mps")


def is_autocast_available(device_type: str) -> bool:
    """Whether `autocast` accepts this kind of device, present or not."""
    return device_type in _DEVICE_TYPES


def _is_present(device_type: str) -> bool:
    """Whether this machine has a device of the kind."""
    if device_type == "cpu":
        return True
    module = importlib.import_module(f"pyrite.{device_type}")
    return bool(module.is_available())


def _check_device_type(device_type: object) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


class autocast:
    """Run suitable operations in a smaller dtype, as a context or a decorator.

    Args:
        device_type: kind of device whose operations are meant, such as "cpu".
        dtype: bfloat16 or float16; the device's default if None.
        enabled: False switches an outer context off.
        cache_enabled: whether a parameter is cast only once in the context.

    Raises:
        RuntimeError: no such kind of device.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> with pyrite.autocast("cpu", dtype=pyrite.bfloat16):
        ...     y = layer(pyrite.ones(1, 2))
        >>> y.dtype
        pyrite.bfloat16
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        _check_device_type(device_type)
        if not is_autocast_available(device_type):
            raise RuntimeError(
                f"User specified an unsupported autocast device_type '{device_type}'"
            )
        self.device = device_type
        self.fast_dtype = _C.get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = (
            _C.is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        )
        self._enabled = enabled and self._is_usable()
        self._outer: list[tuple[bool, Any, bool]] = []

    def _is_usable(self) -> bool:
        """Whether device and dtype can be used; warns if not."""
        name = self.device.upper()
        supported = (_C.bfloat16, _C.float16)
        if not _is_present(self.device):
            also = " or torch_xla is imported" if self.device == "cuda" else ""
            text = f"{name} is not available{also}. Disabling autocast."
        elif self.fast_dtype not in supported:
            text = (
                f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{name} Autocast only supports dtypes of {', '.join(map(str, supported))} "
                "currently."
            )
        else:
            return True
        warnings.warn(text, stacklevel=3)
        return False

    def __enter__(self) -> autocast:
        self._outer.append(
            (
                _C.is_autocast_enabled(self.device),
                _C.get_autocast_dtype(self.device),
                _C.is_autocast_cache_enabled(),
            )
        )
        self._switch(self._enabled, self.fast_dtype, self._cache_enabled)
        _C.autocast_increment_nesting()
        return self

    def _switch(self, enabled: bool, dtype: Any, cache_enabled: bool) -> None:
        _C.set_autocast_enabled(self.device, enabled)
        _C.set_autocast_dtype(self.device, dtype)
        _C.set_autocast_cache_enabled(cache_enabled)

    def __exit__(self, *exc_info: object) -> None:
        if _C.autocast_decrement_nesting() == 0:
            _C.clear_autocast_cache()
        self._switch(*self._outer.pop())

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function to run in this context."""
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you "
                "mean to use autocast as a context manager? For example:\n"
                "    with torch.autocast(device_type=...):\n"
                "        output = model(input)"
            )

        @functools.wraps(func)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return decorated


def _cast(value: Any, device_type: str, dtype: Any) -> Any:
    """The value with its tensors of that device cast, except float64 and non-floating ones."""
    if isinstance(value, Tensor):
        is_eligible = (
            value.is_floating_point()
            and value.device.type == device_type
            and value.dtype != _C.float64
        )
        return value.to(dtype) if is_eligible else value
    if isinstance(value, Mapping):
        return {
            _cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        rebuild: Any = type(value)
        return rebuild(_cast(v, device_type, dtype) for v in value)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        is_array = hasattr(value, "__array__")
        return value if is_array else (_cast(v, device_type, dtype) for v in value)
    return value


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: Any = None
) -> Callable[..., Any]:
    """Decorate the `forward` of a Function for use under autocast.

    Args:
        fwd: the static method; its first argument is the context.
        device_type: kind of device the Function runs on.
        cast_inputs: cast floating-point inputs to this dtype and run without autocast.
    """
    _check_device_type(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        ctx._dtype = _C.get_autocast_dtype(device_type)
        active = _C.is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = active and cast_inputs is None
        if not active or cast_inputs is None:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type=device_type, enabled=False):
            return fwd(
                ctx,
                *_cast(args, device_type, cast_inputs),
                **_cast(kwargs, device_type, cast_inputs),
            )

    return forward


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Callable[..., Any]:
    """Decorate the `backward` of a Function to run under the autocast state of its forward."""
    _check_device_type(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        with autocast(device_type=device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(ctx, *args, **kwargs)

    return backward
