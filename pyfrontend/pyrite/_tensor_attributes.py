"""Attributes of `Tensor` that only tell what it is: its place, its layout, what it is not.

Layer: Python front end, put onto the native class at import; the core does the work. Kinds of
tensors that Pyrite lacks (sparse, quantized, other makers' devices) are answered with no.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite._native import add_methods

__all__: list[str] = []

_OTHER_KINDS = (
    "is_ipu is_maia is_mkldnn is_mtia is_nested is_sparse_csr is_vulkan is_xla is_xpu volatile"
).split()


def _never(self: Tensor) -> bool:
    """Never here."""
    return False


def _is_cpu(self: Tensor) -> bool:
    """Whether it lies on the host."""
    return self.device.type == "cpu"


def _is_mps(self: Tensor) -> bool:
    """Whether it lies on a GPU under the name of Apple's."""
    return self.device.type == "mps"


def _adjoint(self: Tensor) -> Tensor:
    """The conjugate transpose of matrices: the last two dimensions swapped."""
    if self.dim() < 2:
        raise RuntimeError(
            "tensor.mH is only supported on matrices or batches of matrices. "
            f"Got {self.dim()}-D tensor."
        )
    return self.transpose(-2, -1).conj()


def _matrix_adjoint(self: Tensor) -> Tensor:
    """The conjugate transpose of a matrix."""
    if self.dim() not in (0, 2):
        advice = " For batches of matrices, consider using tensor.mH" if self.dim() > 2 else ""
        raise RuntimeError(
            "tensor.H is only supported on matrices (2-D tensors). "
            f"Got {self.dim()}-D tensor.{advice}"
        )
    return _adjoint(self) if self.dim() else self.conj()


def _is_nonzero(self: Tensor) -> bool:
    """Whether its only element differs from zero."""
    return bool(self)


def _is_distributed(self: Tensor) -> bool:
    """Never: it lies in one process."""
    return False


def _dim_order(self: Tensor) -> tuple[int, ...]:
    """The dimensions from the outermost in memory to the innermost."""
    strides = self.stride()
    return tuple(sorted(range(self.dim()), key=lambda dim: -strides[dim]))


def _dense_dim(self: Tensor) -> int:
    """How many dimensions are stored without gaps: all."""
    return self.dim()


def _sparse_dim(self: Tensor) -> int:
    """How many dimensions are stored sparsely: none."""
    return 0


def _to_dense(
    self: Tensor, dtype: _C.dtype | None = None, *, masked_grad: bool | None = None
) -> Tensor:
    """Itself, of another dtype if one is given; nothing here is sparse."""
    return self if dtype is None else self.to(dtype)


def _where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """Its elements where `condition` holds, else those of `other`."""
    return _C.where(condition, self, other)


def _grad_dtype(self: Tensor) -> _C.dtype:
    """The dtype its gradient has: its own."""
    return self.dtype


def _own_grad(self: Tensor) -> Tensor | None:
    """The gradient."""
    return self.grad


def _own_grad_fn(self: Tensor) -> Any:
    """The node that produced it."""
    return self.grad_fn


def _name(self: Tensor) -> None:
    """None: tensors have no names."""
    return None


def _module_load(self: Tensor, other: Tensor, assign: bool = False) -> Tensor:
    """What becomes of this parameter when `other` is loaded: `other`, or itself with the values."""
    return other.detach() if assign else self.copy_(other).detach()


_PROPERTIES: dict[str, Any] = {
    **dict.fromkeys(_OTHER_KINDS, _never),
    "H": _matrix_adjoint,
    "_grad": _own_grad,
    "_grad_fn": _own_grad_fn,
    "grad_dtype": _grad_dtype,
    "is_cpu": _is_cpu,
    "is_mps": _is_mps,
    "mH": _adjoint,
    "name": _name,
}
_METHODS: dict[str, Any] = {
    "const_data_ptr": _C.Tensor.data_ptr,
    "dense_dim": _dense_dim,
    "dim_order": _dim_order,
    "is_distributed": _is_distributed,
    "is_nonzero": _is_nonzero,
    "module_load": _module_load,
    "sparse_dim": _sparse_dim,
    "to_dense": _to_dense,
    "where": _where,
}

for _key, _get in _PROPERTIES.items():
    setattr(_C.Tensor, _key, property(_get))
add_methods(_C.Tensor, _METHODS)
