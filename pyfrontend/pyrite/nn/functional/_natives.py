"""Native operators that a module of functions gives out under their own names (L6 over `_C`).

The list of a module's names and the extension it runs on may be of different age. An operator the
extension lacks is then absent from the module, so that a use of it names what is missing, and
everything else imports.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C

__all__ = ["bind"]


def bind(namespace: dict[str, Any], *names: str) -> list[str]:
    """Put the native operators of these names into a module's namespace.

    Args:
        namespace: `globals()` of the module.
        names: operators, each by its name in `_C`.

    Returns:
        The names that were bound, to extend `__all__` with.
    """
    found = [name for name in names if hasattr(_C, name)]
    namespace.update((name, getattr(_C, name)) for name in found)
    return found
