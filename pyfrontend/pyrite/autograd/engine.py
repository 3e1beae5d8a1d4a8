"""`backward` and `grad`: gradients of tensors with respect to leaves or to chosen inputs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from pyrite import _C
from pyrite._C import Tensor

__all__ = ["backward", "grad"]


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Accumulate the gradients of `tensors` into leaves, or only into `inputs`.

    Raises:
        RuntimeError: if a tensor needs no gradient, or is no scalar and has no gradient given.
    """
    if grad_variables is not None:
        warnings.warn(
            "`grad_variables` is deprecated. Use `grad_tensors` instead.",
            FutureWarning,
            stacklevel=2,
        )
        grad_tensors = grad_variables
    _C._backward(tensors, grad_tensors, retain_graph, create_graph, inputs)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of `outputs` with respect to `inputs`.

    Raises:
        RuntimeError: if an input was not used and `allow_unused` is false.
        NotImplementedError: for `is_grads_batched`.

    Example:
        >>> x = pyrite.tensor(3.0, requires_grad=True)
        >>> (slope,) = pyrite.autograd.grad(x**3, x, create_graph=True)
        >>> pyrite.autograd.grad(slope, x)
        (tensor(18.),)
    """
    if is_grads_batched:
        raise NotImplementedError("autograd.grad: is_grads_batched needs vmap, which Pyrite lacks")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, "
            "but got: allow_unused=False."
        )
    unused = materialize_grads if allow_unused is None else allow_unused
    grads = _C._grad(outputs, inputs, grad_outputs, retain_graph, create_graph, unused)
    if materialize_grads:
        listed = (inputs,) if isinstance(inputs, Tensor) else inputs
        grads = tuple(
            _C.zeros_like(x, requires_grad=True) if g is None else g
            for g, x in zip(grads, listed, strict=True)
        )
    return grads
