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
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of `outputs` with respect to `inputs`.

    Args:
        outputs: what is differentiated.
        inputs: by what; `only_inputs=False` is deprecated and changes nothing.
        grad_outputs: the gradients of the outputs; ones for single elements.
        retain_graph: whether the graph can be used again; `create_graph` by default.
        create_graph: whether the gradients have a history.
        only_inputs: inert, see `inputs`.
        allow_unused: None for an input that was not used instead of an error.
        is_grads_batched: `grad_outputs` have a first dim more, as the results will; one backward
            for each entry.
        materialize_grads: zeros for an input that was not used.

    Raises:
        RuntimeError: if an input was not used and `allow_unused` is false.

    Example:
        >>> x = pyrite.tensor(3.0, requires_grad=True)
        >>> (slope,) = pyrite.autograd.grad(x**3, x, create_graph=True)
        >>> pyrite.autograd.grad(slope, x)
        (tensor(18.),)
    """
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To "
            "accumulate gradient for other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, "
            "but got: allow_unused=False."
        )
    given = (outputs,) if isinstance(outputs, Tensor) else outputs
    if not all(isinstance(output, Tensor) for output in given):
        raise AssertionError("Expected output to be a torch.Tensor")
    unused = materialize_grads if allow_unused is None else allow_unused
    wanted = inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    sparse = any(isinstance(x, Tensor) and x.layout != _C.strided for x in wanted)
    if sparse:  # in the graph, its values stand for a sparse tensor
        from pyrite.sparse import gradient

        inputs = [gradient.values_of(x) for x in wanted]
    if is_grads_batched:
        grads = _batched(given, inputs, grad_outputs, retain_graph, create_graph, unused)
    else:
        grads = _C._grad(outputs, inputs, grad_outputs, retain_graph, create_graph, unused)
    if sparse:
        grads = gradient.gradients(wanted, grads)
    if materialize_grads:
        grads = tuple(
            _C.zeros_like(x, requires_grad=create_graph) if g is None else g
            for g, x in zip(grads, wanted, strict=True)
        )
    return grads


def _batched(
    outputs: Sequence[Tensor],
    inputs: Any,
    grad_outputs: Tensor | Sequence[Tensor | None] | None,
    retain_graph: bool | None,
    create_graph: bool,
    allow_unused: bool,
) -> tuple[Any, ...]:
    """One backward for each entry of the gradients' first dim, stacked by input."""
    seeds = (grad_outputs,) if isinstance(grad_outputs, Tensor) else grad_outputs or ()
    for i, (output, seed) in enumerate(zip(outputs, seeds, strict=False)):
        if seed is not None and seed.shape[1:] != output.shape:
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output "
                "as the batch dimension. The sizes of the remaining dimensions are expected to "
                "match the shape of corresponding output, but a mismatch was detected: "
                f"grad_output[{i}] has a shape of {seed.shape} and output[{i}] has a shape of "
                f"{output.shape}."
            )
    sizes = list(dict.fromkeys(seed.shape[0] for seed in seeds if seed is not None))
    if len(sizes) != 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    last = sizes[0] - 1
    rows = []
    for i in range(sizes[0]):
        row = [None if seed is None else seed[i] for seed in seeds]
        retain = retain_graph if i == last else True
        rows.append(_C._grad(outputs, inputs, row, retain, create_graph, allow_unused))
    columns = zip(*rows, strict=True)
    return tuple(None if column[0] is None else _C.stack(column) for column in columns)
