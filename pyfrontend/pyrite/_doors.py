"""Doors to rooms that are not built: names that exist, and say what is missing when they are used.

Programs import far more of PyTorch than they call. A door lets the import pass and raises
`NotImplementedError` at the first call or construction; it never accepts a call and does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

__all__ = ["door_class", "door_function", "not_built"]


def not_built(name: str, missing: str) -> NotImplementedError:
    """The error of a door: which name was used, and which part of Pyrite it waits for."""
    return NotImplementedError(f"{name} is not available: Pyrite has no {missing} yet")


def door_function(name: str, missing: str) -> Callable[..., NoReturn]:
    """A function named `name` (dotted, without the package) that raises when called."""

    def closed(*args: object, **kwargs: object) -> NoReturn:
        raise not_built(name, missing)

    closed.__name__ = closed.__qualname__ = name.rpartition(".")[2]
    closed.__doc__ = f"Not available: Pyrite has no {missing} yet."
    return closed


def door_class(name: str, missing: str, base: type = object) -> type[Any]:
    """A class named `name` (dotted, without the package) that raises when constructed.

    It can stand in annotations and `isinstance`, and be subclassed; subclasses raise as well.
    """

    def closed(cls: type, *args: object, **kwargs: object) -> NoReturn:
        raise not_built(name, missing)

    module, _, short = name.rpartition(".")
    return type(
        short,
        (base,),
        {
            "__new__": closed,
            "__module__": f"pyrite.{module}",
            "__doc__": f"Not available: Pyrite has no {missing} yet.",
        },
    )
