"""Sparse tensors in pickles and files, and deep copies.

Layer L6. Files name `torch._utils._rebuild_sparse_tensor` with the parts, as PyTorch's do.
"""

from __future__ import annotations

from typing import Any

from pyrite import _utils
from pyrite._layouts import sparse_csr

from .compressed import SparseCompressedTensor, SparseCscTensor, SparseCsrTensor
from .construct import sparse_coo_tensor, sparse_csc_tensor, sparse_csr_tensor
from .coo import SparseCooTensor
from .tensor import SparseTensor

__all__ = ["deepcopy", "rebuild", "take_apart"]


def take_apart(tensor: Any) -> tuple[Any, tuple[Any, ...]]:
    """The function and arguments that rebuild `tensor`, without history."""
    values, size = tensor._value.detach(), tensor.size()
    if isinstance(tensor, SparseCooTensor):
        parts: tuple[Any, ...] = (tensor._index, values, size, tensor._coalesced)
    else:
        parts = (tensor._compressed, tensor._plain, values, size)
    return _utils._rebuild_sparse_tensor, (tensor.layout, parts)


def rebuild(layout: Any, parts: tuple[Any, ...]) -> SparseTensor:
    """Put the parts together again; they are checked, since files may hold anything."""
    if repr(layout).endswith("sparse_coo"):
        indices, values, size, *rest = parts
        known = bool(rest and rest[0])
        return sparse_coo_tensor(indices, values, size, is_coalesced=known)
    make = sparse_csr_tensor if layout is sparse_csr else sparse_csc_tensor
    return make(*parts)


def deepcopy(tensor: Any, memo: dict[int, Any]) -> Any:
    """A copy of a leaf, with its gradient.

    Raises:
        RuntimeError: `tensor` is the result of a recorded op.
    """
    if id(tensor) in memo:
        return memo[id(tensor)]
    if not tensor.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
            "because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    made = copied(tensor)
    memo[id(tensor)] = made
    if tensor._value.grad is not None:
        made._value.grad = tensor._value.grad.clone()
    for name in ("_is_param", "_is_buffer", "persistent"):
        if name in vars(tensor):
            setattr(made, name, getattr(tensor, name))
    return made


def copied(tensor: Any) -> Any:
    """The parts copied, without history."""
    values = tensor._value.detach().clone().requires_grad_(tensor._value.requires_grad)
    if isinstance(tensor, SparseCompressedTensor):
        kind = SparseCsrTensor if isinstance(tensor, SparseCsrTensor) else SparseCscTensor
        return kind.of(tensor._compressed.clone(), tensor._plain.clone(), values, tensor.shape)
    made = tensor.with_values(values)
    made._index = tensor._index.clone()
    return made
