"""`isinstance` for the types of what containers hold."""

from __future__ import annotations

import builtins
import types
from typing import Any, Union, get_args, get_origin

__all__ = ["isinstance"]

_KINDS = (list, dict, tuple)


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether `obj` is of a type such as `list[int]`, `dict[str, Tensor]` or `int | None`.

    Args:
        obj: what is asked about.
        target_type: a type, or several in a tuple of which one suffices.

    Raises:
        RuntimeError: a container's type does not say what it holds.
    """
    if builtins.isinstance(target_type, tuple):
        return any(isinstance(obj, one) for one in target_type)
    if target_type is Any:
        return True
    kind, parts = get_origin(target_type), get_args(target_type)
    if kind in (Union, types.UnionType):
        return any(isinstance(obj, one) for one in parts)
    if target_type in _KINDS or (kind in _KINDS and not parts):
        name = target_type.__name__ if kind is None else kind.__name__.capitalize()
        if name.lower() == "dict":
            told = "contained types. Please add contained type, e.g. {}[int, int]"
        else:
            told = "a contained type. Please add a contained type, e.g. {}[int]"
        raise RuntimeError(f"Attempted to use {name} without " + told.format(name))
    if kind not in _KINDS:
        return builtins.isinstance(obj, type(None) if target_type is None else target_type)
    return builtins.isinstance(obj, kind) and _holds(obj, parts)


def _holds(obj: Any, parts: tuple[Any, ...]) -> bool:
    if builtins.isinstance(obj, list):
        return all(isinstance(item, parts[0]) for item in obj)
    if builtins.isinstance(obj, dict):
        return all(isinstance(k, parts[0]) and isinstance(v, parts[1]) for k, v in obj.items())
    return len(obj) == len(parts) and all(map(isinstance, obj, parts))
