"""Pruning: parameters multiplied by masks of zeros and ones.

Layer L6. These functions apply the methods of `_pruning` to parameters of modules.

Source: https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyrite
from pyrite._C import Tensor
from pyrite.nn.utils._pruning import (
    BasePruningMethod,
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    PruningContainer,
    RandomStructured,
    RandomUnstructured,
    hooks,
    take_hook,
)

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]


def identity(module: Any, name: str) -> Any:
    """Make a parameter a pruned one without pruning anything; returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Any, name: str, amount: float) -> Any:
    """Prune random elements of a parameter; returns the module.

    Args:
        module: the module.
        name: of the parameter.
        amount: how many elements, or which fraction of them.
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(
    module: Any, name: str, amount: float, importance_scores: Tensor | None = None
) -> Any:
    """Prune the elements of a parameter with the smallest absolute values; returns the module.

    Args:
        module: the module.
        name: of the parameter.
        amount: how many elements, or which fraction of them.
        importance_scores: what to judge by instead of the parameter.
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Any, name: str, amount: float, dim: int) -> Any:
    """Prune random channels of a parameter; returns the module.

    Args:
        module: the module.
        name: of the parameter.
        amount: how many channels, or which fraction of them.
        dim: the dim that counts channels.
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Any,
    name: str,
    amount: float,
    n: float | str,
    dim: int,
    importance_scores: Tensor | None = None,
) -> Any:
    """Prune the channels of a parameter with the smallest norms; returns the module.

    Args:
        module: the module.
        name: of the parameter.
        amount: how many channels, or which fraction of them.
        n: the order of the norm.
        dim: the dim that counts channels.
        importance_scores: what to judge by instead of the parameter.
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def global_unstructured(
    parameters: Any,
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[Any, Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune elements of several parameters, compared with each other.

    Args:
        parameters: pairs of a module and a parameter's name.
        pruning_method: the method, an unstructured one.
        importance_scores: by such a pair, what to judge by instead of the parameter.
        kwargs: how the method is made.

    Raises:
        TypeError: parameters that cannot be iterated over, or another kind of method.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs = list(parameters)
    flat = pyrite.nn.utils.parameters_to_vector(
        [scores.get((module, name), getattr(module, name)) for module, name in pairs]
    )
    masks = [
        getattr(module, f"{name}_mask", pyrite.ones_like(getattr(module, name)))
        for module, name in pairs
    ]
    container = PruningContainer()
    container._tensor_name = "temp"
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. '
            f"Found method {pruning_method} of type {method.PRUNING_TYPE}"
        )
    container.add_pruning_method(method)
    with pyrite.no_grad():
        whole = container.compute_mask(flat, pyrite.nn.utils.parameters_to_vector(masks))
    start = 0
    for module, name in pairs:
        parameter = getattr(module, name)
        part = whole[start : start + parameter.numel()].view_as(parameter)
        custom_from_mask(module, name, mask=part)
        start += parameter.numel()


def custom_from_mask(module: Any, name: str, mask: Tensor) -> Any:
    """Prune a parameter by a mask; returns the module.

    Args:
        module: the module.
        name: of the parameter.
        mask: zeros where to prune, ones elsewhere.
    """
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module: Any, name: str) -> Any:
    """Make a pruned tensor the parameter, without its mask; returns the module.

    Raises:
        ValueError: the parameter is not pruned.
    """
    hook = take_hook(module, name)
    if hook is None:
        raise ValueError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    hook.remove(module)
    return module


def is_pruned(module: Any) -> bool:
    """Whether the module, or one below it, has a pruned parameter."""
    return any(True for below in module.modules() for _ in hooks(below))
