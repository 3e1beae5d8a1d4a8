"""Modes that turn recording on and off: context managers that are also decorators."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from pyrite import _C
from pyrite._C import is_grad_enabled

__all__ = ["enable_grad", "inference_mode", "is_grad_enabled", "no_grad", "set_grad_enabled"]

F = TypeVar("F", bound=Callable[..., Any])


class _Mode:
    """A mode as context manager; as decorator it is entered anew for each call."""

    def _again(self) -> Self:
        return type(self)()

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        raise NotImplementedError

    def __call__(self, function: F) -> F:
        if inspect.isgeneratorfunction(function):
            return cast(F, _generator(self._again, function))

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return cast(F, wrapped)


def _generator(again: Callable[[], _Mode], function: Any) -> Any:
    """A generator function whose body, and only its body, runs in the mode."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        generator = function(*args, **kwargs)
        with again():
            try:
                item = next(generator)
            except StopIteration as end:
                return end.value
        while True:
            try:
                sent = yield item
            except BaseException as error:
                with again():
                    item = generator.throw(error)
                continue
            with again():
                try:
                    item = generator.send(sent)
                except StopIteration as end:
                    return end.value

    return wrapped


class _GradMode(_Mode):
    _on = True

    def __init__(self) -> None:
        self._before = True

    def __new__(cls, function: Any = None) -> Any:
        """A mode, or (as a decorator without parentheses) the decorated function."""
        if function is None:
            return super().__new__(cls)
        return cls()(function)

    def __enter__(self) -> None:
        self._before = is_grad_enabled()
        _C._set_grad_enabled(self._on)

    def __exit__(self, *_: Any) -> None:
        _C._set_grad_enabled(self._before)


class no_grad(_GradMode):
    """Ops inside are not recorded.

    Example:
        >>> w = pyrite.ones(2, requires_grad=True)
        >>> with pyrite.no_grad():
        ...     w -= 0.5
        >>> w
        tensor([0.5000, 0.5000], requires_grad=True)
    """

    _on = False


class enable_grad(_GradMode):
    """Ops inside are recorded, also within `no_grad`."""


class set_grad_enabled(_Mode):
    """Turns recording on or off at once; as a context manager, until its end."""

    def __init__(self, mode: bool) -> None:
        self.prev = is_grad_enabled()
        self.mode = mode
        _C._set_grad_enabled(mode)

    def _again(self) -> Self:
        return type(self)(self.mode)

    def __call__(self, function: F) -> F:
        """Decorates: the mode then holds inside the function only."""
        _C._set_grad_enabled(self.prev)
        return super().__call__(function)

    def __enter__(self) -> None:
        _C._set_grad_enabled(self.mode)

    def __exit__(self, *_: Any) -> None:
        _C._set_grad_enabled(self.prev)


class inference_mode(_Mode):
    """Like `no_grad`, and tensors made inside never take part in autograd."""

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self._grad = True
        self._inference = False

    def __new__(cls, mode: Any = True) -> Any:
        """A mode, or (as a decorator without parentheses) the decorated function."""
        if isinstance(mode, bool):
            return super().__new__(cls)
        return cls()(mode)

    def _again(self) -> Self:
        return type(self)(self.mode)

    def __enter__(self) -> None:
        self._grad = is_grad_enabled()
        self._inference = _C._set_inference_mode(self.mode)
        _C._set_grad_enabled(not self.mode)

    def __exit__(self, *_: Any) -> None:
        _C._set_inference_mode(self._inference)
        _C._set_grad_enabled(self._grad)
