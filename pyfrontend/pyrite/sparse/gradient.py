"""Gradients that are sparse, and gradients of sparse tensors.

Layer L6. The tape hands sparse gradients of dense leaves (those of `nn.Embedding(sparse=True)`) to
the class `_Algebra`; ops that read arrays get dense ones. A sparse leaf's own gradient is that of
its values, shown as a sparse tensor with the leaf's places, each named once.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite.autograd.grad_mode import no_grad
from pyrite.functional import unique

from .arithmetic import add, add_
from .convert import sparse_mask
from .coo import SparseCooTensor, make, to_dense
from .indices import unflatten
from .tensor import SparseTensor, handles

__all__ = ["grad_of", "values_of"]


class _Algebra:
    """What the tape asks (see `rust/tape/src/sparse.rs`)."""

    @staticmethod
    def add(a: Any, b: Any) -> Tensor:
        """The sum, dense unless both are sparse."""
        if isinstance(a, SparseTensor) and not isinstance(b, SparseTensor):
            a, b = b, a
        result: Tensor = add(a, b)
        return result

    @staticmethod
    def add_assign(into: Any, value: Any) -> Tensor:
        """`into += value`, without history."""
        with no_grad():
            result: Tensor = add_(into, value)
        return result

    @staticmethod
    def detach(value: Any) -> Tensor:
        """A tensor of its own: values may be a view of a gradient that others hold."""
        values = value._value.detach().clone(memory_format=_C.contiguous_format)
        result: Tensor = value.with_values(values)
        return result

    @staticmethod
    def to_dense(value: Any) -> Tensor:
        """All elements."""
        return to_dense(value)


_C._install_sparse(_Algebra)


def _as_gradient(tensor: Any, values: Tensor) -> SparseTensor:
    """Gradients of the values as that of the tensor."""
    if not isinstance(tensor, SparseCooTensor) or tensor._coalesced:
        result: SparseTensor = tensor.with_values(values)
        return result
    # Every naming of a place has the same gradient, that of the place: one of them is it.
    places, owner = unique(tensor.numbers(), return_inverse=True)
    first = _C.empty(places.size(0), dtype=_C.int64, device=owner.device)
    first[owner] = _C.arange(owner.size(0), device=owner.device)
    shape = tensor.shape
    return make(unflatten(places, tensor.sparse_shape), values[first], shape, True)


@handles("grad.__get__", "_grad.__get__")
def grad_of(tensor: Any) -> SparseTensor | None:
    """The gradient accumulated, the same object until it changes."""
    values = tensor._value.grad
    if values is None:
        return None
    shown = vars(tensor).get("_shown_grad")
    if shown is None or shown[0] is not values:
        shown = (values, _as_gradient(tensor, values))
        tensor._shown_grad = shown
    result: SparseTensor = shown[1]
    return result


@handles("grad.__set__")
def set_grad(tensor: Any, grad: Any) -> None:
    """Replace the gradient; a sparse or dense one is read at the tensor's places."""
    if not isinstance(tensor, SparseTensor):  # a dense tensor with a sparse gradient
        with _C.DisableTorchFunctionSubclass():
            vars(Tensor)["grad"].__set__(tensor, grad)
        return
    if grad is None:
        tensor._value.grad = None
        return
    if tuple(grad.shape) != tuple(tensor.shape):
        raise RuntimeError(
            f"attempting to assign a gradient of size '{list(grad.shape)}' to a tensor of size "
            f"'{list(tensor.shape)}'. Please ensure that the gradient and the tensor are the same "
            "size"
        )
    tensor._value.grad = sparse_mask(grad, tensor)._value.detach()


def values_of(tensor: Any) -> Any:
    """What stands for a tensor in the graph: the values of a sparse one, else itself."""
    return tensor._value if isinstance(tensor, SparseTensor) else tensor


def gradients(inputs: Any, grads: Any) -> tuple[Any, ...]:
    """Gradients of `values_of` the inputs as those of the inputs."""
    return tuple(
        _as_gradient(x, g) if isinstance(x, SparseTensor) and g is not None else g
        for x, g in zip(inputs, grads, strict=True)
    )


@handles("backward")
def backward(
    tensor: Any,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Gradients of a dense tensor with a sparse `gradient`, or of a sparse one, by leaves."""
    if isinstance(tensor, SparseTensor):
        if gradient is None:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        gradient = sparse_mask(gradient, tensor)._value
        tensor = tensor._value
    with _C.DisableTorchFunctionSubclass():
        Tensor.backward(tensor, gradient, retain_graph, create_graph, inputs)


@handles("retain_grad")
def retain_grad(tensor: Any) -> None:
    """Let a non-leaf keep its gradient."""
    tensor._value.retain_grad()


@handles("register_hook")
def register_hook(tensor: Any, hook: Any) -> Any:
    """Call `hook` with the gradient, sparse; it may return a replacement."""

    def on_values(grad: Tensor) -> Any:
        other = hook(tensor.with_values(grad))
        return None if other is None else sparse_mask(other, tensor)._value

    return tensor._value.register_hook(on_values)
