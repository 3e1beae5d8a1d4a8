"""Methods of `Tensor` that are written in Python: printing, hooks, iteration, pickling.

They are put onto the native class, so that every tensor has them; nothing here computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite._native import add_methods
from pyrite._utils import _rebuild_from_type_v2 as _rebuild_from_type_v2  # files name it here

__all__: list[str] = []


def _repr(self: Tensor) -> str:
    from pyrite._tensor_str import tensor_repr

    return tensor_repr(self)


def _format(self: Tensor, spec: str) -> str:
    from pyrite._tensor_str import tensor_format

    return tensor_format(self, spec)


def _iter(self: Tensor) -> Iterator[Tensor]:
    if self.dim() == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def _reversed(self: Tensor) -> Tensor:
    return self if self.dim() == 0 else self.flip(0)


def _contains(self: Tensor, element: object) -> bool:
    if isinstance(element, (Tensor, int, float, complex)):
        return bool((self == element).any().item())
    raise RuntimeError(
        f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
    )


def _polygamma(self: Tensor, n: int) -> Tensor:
    """`pyrite.polygamma(n, self)`: the n-th derivative of the digamma function."""
    return _C.polygamma(n, self)


def _register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> Any:
    """Call `hook` with the gradient of this tensor; it may return a replacement."""
    from pyrite.autograd._handles import NativeHandle

    return NativeHandle(self._add_hook(hook))


def _register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> Any:
    """Call `hook` with this leaf after its gradient was accumulated."""
    from pyrite.autograd._handles import NativeHandle

    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if self.grad_fn is not None:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return NativeHandle(self._add_post_accumulate_hook(hook))


def _adjoint(self: Tensor) -> Tensor:
    """The last two dimensions swapped and conjugated."""
    if self.dim() < 2:
        raise RuntimeError(
            "tensor.mH is only supported on matrices or batches of matrices. "
            f"Got {self.dim()}-D tensor."
        )
    return self.adjoint()


def _matrix_adjoint(self: Tensor) -> Tensor:
    """A matrix transposed and conjugated; a number itself."""
    if self.dim() == 0:
        return self
    if self.dim() != 2:
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self.dim()}-D tensor."
        )
    return self.adjoint()


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """Read the arguments of `to`, for classes that follow modules."""
    from pyrite.nn._conversion import parse_to

    return parse_to(*args, **kwargs)


_METHODS: dict[str, Any] = {
    "H": property(_matrix_adjoint),
    "mH": property(_adjoint),
    "__rdiv__": _C.Tensor.__rtruediv__,
    "__repr__": _repr,
    "__format__": _format,
    "__iter__": _iter,
    "__reversed__": _reversed,
    "__contains__": _contains,
    "polygamma": _polygamma,
    "register_hook": _register_hook,
    "register_post_accumulate_grad_hook": _register_post_accumulate_grad_hook,
    "__module__": "pyrite",
}

_C._TensorMeta = type(_C.Tensor)
_C._parse_to = _parse_to
_C.Tensor.__name__ = "Tensor"  # what Python's own messages call it
add_methods(_C.Tensor, _METHODS)
