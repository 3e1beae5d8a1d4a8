"""Functional forms of stateful things.

Layer: Python front end, on `nn`. Holds `functional_call`; the function transforms (grad, vmap, jvp
and the rest) are not here yet, and a name that is missing raises AttributeError.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pyrite._C import Tensor
from pyrite.nn.utils.stateless import _functional_call

__all__ = ["functional_call"]


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call `module` with the given tensors in place of its parameters and buffers.

    Gradients flow to the given tensors; the module itself is unchanged afterwards.

    Args:
        module: the module.
        parameter_and_buffer_dicts: tensors by dotted name, in one dictionary or several.
        args: positional arguments; anything but a tuple is the only one.
        kwargs: keyword arguments.
        tie_weights: give a shared tensor's new value to all its names.
        strict: require all names of the module and no other.

    Raises:
        ValueError: a name is in two dictionaries, or a shared tensor got two values.
        RuntimeError: the names do not agree and `strict` is set.
    """
    dicts = parameter_and_buffer_dicts
    if isinstance(dicts, dict):
        given = dicts
    elif isinstance(dicts, Sequence):
        if not all(isinstance(one, dict) for one in dicts):
            raise ValueError(
                "Expected all elements of parameter_and_buffer_dicts to be dictionaries"
            )
        counts = Counter(key for one in dicts for key in one)
        repeated = [key for key, count in counts.items() if count > 1]
        if repeated:
            raise ValueError(
                f"{repeated} appeared in multiple dictionaries; "
                "behavior of functional call is ambiguous"
            )
        given = {key: value for one in dicts for key, value in one.items()}
    else:
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, "
            f"but got {type(dicts)}"
        )
    return _functional_call(module, given, args, kwargs, tie_weights=tie_weights, strict=strict)
