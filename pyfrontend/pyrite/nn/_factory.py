"""The keyword arguments that layers pass on to tensor creation.

Layer: Python front end, no dependencies. Invariant: an argument comes once, from one place.
"""

from __future__ import annotations

from typing import Any

__all__ = ["factory_kwargs"]


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """Return `device`, `dtype` and `memory_format` out of a layer's keyword arguments.

    Args:
        kwargs: these names, and `factory_kwargs`, a dictionary with more of them.

    Raises:
        TypeError: another name, or a name given twice.
    """
    if kwargs is None:
        return {}
    direct = {"device", "dtype", "memory_format"}
    if not kwargs.keys() <= direct | {"factory_kwargs"}:
        raise TypeError(f"unexpected kwargs {kwargs.keys() - direct - {'factory_kwargs'}}")
    collected = dict(kwargs.get("factory_kwargs", {}))
    for name in kwargs.keys() & direct:
        if name in collected:
            raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
        collected[name] = kwargs[name]
    return collected
