"""Where in a model an error happened: the module's path, as a line below the error's text.

Layer: Python front end, used by `nn.Module` while an exception passes through a call. Invariant:
type, identity and first line of the exception stay; the path is relative to the outermost module
called, and grows from level to level. Costs nothing while no error is on its way.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C

__all__ = ["LOCATED_ERRORS", "add_module_path"]

LOCATED_ERRORS: tuple[type[Exception], ...] = (_C.ShapeError, _C.DTypeError, _C.DeviceError)


def add_module_path(error: Any, module: Any) -> None:
    """Say in the text of `error` at which module below `module` it was raised.

    The line reads `in encoder.layers.2.fc1: Linear(in_features=128, out_features=10, bias=True)`.
    """
    if not (error.args and isinstance(error.args[0], str)):
        return
    # The innermost module that the exception passed through, and the text before we touched it.
    innermost, text = getattr(error, "_raised_in", (module, error.args[0]))
    path = next((name for name, below in module.named_modules() if below is innermost), None)
    if path is None:
        return  # an unregistered module: its path starts at itself
    error._raised_in = innermost, text
    where = f"{path}: " if path else ""
    error.args = (f"{text}\n  in {where}{_headline(innermost)}", *error.args[1:])


def _headline(module: Any) -> str:
    """The module's repr without its children, on one line."""
    return f"{module._get_name()}({' '.join(module.extra_repr().split())})"
