"""Limits on the size of gradients, in place.

Layer: Python front end; norms and scaling run in the core. Invariant: clipping is one scaling by a
coefficient that never exceeds 1, applied without a branch on its value, so no device has to wait.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import pyrite
from pyrite import _C
from pyrite._C import Tensor

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
]

_Tensors = Tensor | Iterable[Tensor]


def _no_grad(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def without_grad(*args: Any, **kwargs: Any) -> Any:
        with pyrite.no_grad():
            return function(*args, **kwargs)

    return without_grad


def _listed(tensors: _Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


@_no_grad
def get_total_norm(
    tensors: _Tensors,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Return the norm of all tensors together, as if they were one vector.

    Args:
        tensors: the tensors.
        norm_type: order of the norm, `inf` for the largest absolute value.
        error_if_nonfinite: raise when the norm is nan or infinite.
        foreach: inert; there is one implementation.

    Raises:
        RuntimeError: the norm is not finite and `error_if_nonfinite` is set.
    """
    listed = _listed(tensors)
    order = float(norm_type)
    if not listed:
        return _C.tensor(0.0)
    device = listed[0].device
    norms = [_C.linalg_vector_norm(tensor, order).to(device) for tensor in listed]
    total = _C.linalg_vector_norm(_C.stack(norms), order)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so "
            "it cannot be clipped. To disable this error and scale the gradients by the non-finite "
            "norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@_no_grad
def clip_grads_with_norm_(
    parameters: _Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients of `parameters` by max_norm / total_norm where that is below 1.

    Args:
        parameters: tensors whose gradients are scaled in place.
        max_norm: the largest norm allowed.
        total_norm: as `get_total_norm` returns it.
        foreach: inert; there is one implementation.
    """
    grads = [p.grad for p in _listed(parameters) if p.grad is not None]
    coefficient = _C.clamp(float(max_norm) / (total_norm + 1e-6), max=1.0)
    for grad in grads:
        grad.mul_(coefficient.to(grad.device))


@_no_grad
def clip_grad_norm_(
    parameters: _Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients so that their total norm is at most `max_norm`.

    Args:
        parameters: tensors whose gradients are scaled in place.
        max_norm: the largest norm allowed.
        norm_type: order of the norm, `inf` for the largest absolute value.
        error_if_nonfinite: raise when the norm is nan or infinite.
        foreach: inert; there is one implementation.

    Returns:
        The total norm before scaling, a tensor without dims.

    Example:
        >>> w = pyrite.zeros(2, requires_grad=True)
        >>> w.grad = pyrite.tensor([3.0, 4.0])
        >>> nn.utils.clip_grad_norm_([w], max_norm=1.0)
        tensor(5.)
        >>> w.grad
        tensor([0.6000, 0.8000])
    """
    listed = _listed(parameters)
    if not listed and not isinstance(parameters, (list, tuple)):
        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3
        )
    grads = [p.grad for p in listed if p.grad is not None]
    total: Tensor = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(listed, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters: _Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Deprecated name of `clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated "
        "in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    clipped: Tensor = clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)
    return clipped


@_no_grad
def clip_grad_value_(parameters: _Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Limit every entry of the gradients to [-clip_value, clip_value].

    Args:
        parameters: tensors whose gradients are changed in place.
        clip_value: the largest absolute value.
        foreach: inert; there is one implementation.
    """
    limit = float(clip_value)
    for parameter in _listed(parameters):
        if parameter.grad is not None:
            parameter.grad.clamp_(min=-limit, max=limit)
