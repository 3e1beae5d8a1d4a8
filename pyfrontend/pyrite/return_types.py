"""Results with names: `x.max(dim=0).values`."""

from __future__ import annotations

from functools import cache
from operator import itemgetter
from typing import Any

from pyrite import _C

__all__ = ["make"]


class _Named(tuple[Any, ...]):
    """A tuple whose items have names."""

    __slots__ = ()
    _op = ""
    _fields: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Show each item with its name."""
        items = ",\n".join(f"{f}={v!r}" for f, v in zip(self._fields, self, strict=True))
        return f"{_C._display_name()}.return_types.{self._op}(\n{items})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle it by its op's name."""
        return (make, (self._op, list(self._fields), tuple(self)))


@cache
def _class(op: str, fields: tuple[str, ...]) -> type[_Named]:
    body: dict[str, Any] = {"__slots__": (), "_op": op, "_fields": fields}
    body |= {name: property(itemgetter(i)) for i, name in enumerate(fields)}
    return type(op, (_Named,), body)


def make(op: str, fields: list[str], values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The results of `op` under their names."""
    return _class(op, tuple(fields))(values)
