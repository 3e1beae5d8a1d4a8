"""Modules as functions of their parameters and buffers.

Layer: Python front end, on `nn`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyrite
from pyrite._C import Tensor
from pyrite.nn import Module
from pyrite.nn.utils.stateless import _functional_call

__all__ = ["functional_call", "stack_module_state"]


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


def stack_module_state(
    models: Sequence[Module],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of several models of one kind, stacked, and their buffers, by name.

    Parameters become new leaves, which require gradients as those of the models do. With `vmap`
    over `functional_call` they run as an ensemble.

    Args:
        models: of the same class and in the same mode.

    Raises:
        RuntimeError: there are none, or they differ.
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if any(model.training != models[0].training for model in models):
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if any(type(model) is not type(models[0]) for model in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = {
        name: _stacked(name, [dict(model.named_parameters())[name] for model in models])
        for name, _ in models[0].named_parameters()
    }
    buffers = {
        name: _stacked(name, [dict(model.named_buffers())[name] for model in models])
        for name, _ in models[0].named_buffers()
    }
    return parameters, buffers


def _stacked(name: str, tensors: list[Tensor]) -> Tensor:
    requires_grad = tensors[0].requires_grad
    if any(tensor.requires_grad != requires_grad for tensor in tensors):
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    return pyrite.stack([tensor.detach() for tensor in tensors]).requires_grad_(requires_grad)
