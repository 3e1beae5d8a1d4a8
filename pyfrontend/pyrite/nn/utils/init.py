"""Construction of a module without drawing initial values.

Layer: Python front end. Invariant: no random draw happens, the values are unset.
"""

from __future__ import annotations

import inspect
from typing import Any

from pyrite.nn.module import Module

__all__ = ["skip_init"]


def skip_init(module_cls: type[Any], *args: Any, **kwargs: Any) -> Any:
    """Make a module whose parameters have unset values.

    Args:
        module_cls: the class, whose `__init__` takes `device`.
        *args: for the class.
        **kwargs: for the class; `device` is where the module ends up, the CPU by default.

    Raises:
        RuntimeError: `module_cls` is no module class or takes no `device`.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    return module_cls(*args, device="meta", **kwargs).to_empty(device=device)
