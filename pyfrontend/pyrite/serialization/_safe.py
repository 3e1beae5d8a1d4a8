"""The classes and functions a user allows files to name, beyond the default ones.

Layer: Python front end. The core's reader asks `AllowedNames` about every global of a pickle and
refuses the file when it answers no; nothing is imported to find an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from pyrite.serialization._names import PARAMETER, counterpart, default_names

Safe = Callable[..., Any] | tuple[Callable[..., Any], str]

_allowed: list[Safe] = []


def add_safe_globals(safe_globals: Iterable[Safe]) -> None:
    """Allow files loaded with `weights_only=True` to use these classes and functions.

    Args:
        safe_globals: the objects, each alone or with the full name files know it by. Allowing a
            class means trusting what its constructor and `__setstate__` do with any arguments.

    Raises:
        AttributeError: an object is neither a class nor a function; none is allowed then.
    """
    new = [item for item in safe_globals if item not in _allowed]
    for item in new:
        _named(item)
    _allowed.extend(new)


def get_safe_globals() -> list[Safe]:
    """Return what `add_safe_globals` and `safe_globals` allow now."""
    return list(_allowed)


def clear_safe_globals() -> None:
    """Allow the default classes and functions only."""
    _allowed.clear()


class safe_globals:
    """A context in which files may use these classes and functions too.

    Args:
        safe_globals: as for `add_safe_globals`.
    """

    def __init__(self, safe_globals: Iterable[Safe]) -> None:
        """Remember `safe_globals`; they count from `__enter__` on."""
        self._items = list(safe_globals)
        self._before: list[Safe] = []

    def __enter__(self) -> None:
        self._before = get_safe_globals()
        add_safe_globals(self._items)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _allowed[:] = self._before


def full_name(value: Any) -> str:
    """Return the dotted name Python's pickle gives a class or function."""
    return f"{value.__module__}.{getattr(value, '__qualname__', value.__name__)}"


def _named(item: Safe) -> tuple[Callable[..., Any], str]:
    """An object with the name that files know it by."""
    return item if isinstance(item, tuple) else (item, full_name(item))


class AllowedNames:
    """A mapping from the names a file may use to the objects they stand for."""

    def __init__(self) -> None:
        """Take the names allowed now."""
        self._names = dict(default_names())
        self._trusted: list[Any] = []
        for item in _allowed:
            value, name = _named(item)
            self._names[name] = value
            self._trusted.append(value)

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, str):
            return False
        if path in self._names:
            return True
        value = counterpart(path)
        if path != PARAMETER and not self.allows(value):
            return False
        self._names[path] = value
        return True

    def __getitem__(self, path: str) -> Any:
        return self._names[path]

    def allows(self, value: Any) -> bool:
        """Return whether the user allowed this class or function."""
        return any(value is trusted for trusted in self._trusted)
