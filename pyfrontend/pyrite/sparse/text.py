"""The text of sparse tensors, character for character PyTorch's: their parts, then what they are.

Layer L6, pure formatting.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite._tensor_str import _append_suffixes, _implied_dtypes, _values

from .compressed import SparseCscTensor, SparseCsrTensor
from .coo import SparseCooTensor
from .tensor import SparseTensor

__all__ = ["sparse_repr"]

_INDENT = len("tensor(")


def sparse_repr(tensor: SparseTensor) -> str:
    """`tensor(indices=tensor(...), values=tensor(...), size=(...), nnz=..., layout=...)`."""
    body = (",\n" + " " * _INDENT).join(_part(name, part) for name, part in _parts(tensor))
    suffixes = [f"device='{tensor.device}'"] if tensor.device.type != "cpu" else []
    suffixes += [f"size={tuple(tensor.shape)}", f"nnz={tensor._value.size(0)}"]
    if tensor.dtype not in _implied_dtypes(_C.get_default_dtype()):
        suffixes.append(f"dtype={tensor.dtype}")
    suffixes.append(f"layout={tensor.layout}")
    if tensor.grad_fn is not None:
        suffixes.append(f"grad_fn=<{tensor._node or tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    on_new_line = isinstance(tensor, SparseCooTensor)
    text = _append_suffixes("tensor(" + body, suffixes, _INDENT, on_new_line)
    return f"Parameter containing:\n{text}" if getattr(tensor, "_is_param", False) else text


def _parts(tensor: Any) -> list[tuple[str, Tensor]]:
    values = ("values", tensor._value.detach())
    if isinstance(tensor, SparseCooTensor):
        return [("indices", tensor._index), values]
    if isinstance(tensor, SparseCsrTensor):
        return [("crow_indices", tensor._compressed), ("col_indices", tensor._plain), values]
    if isinstance(tensor, SparseCscTensor):
        return [("ccol_indices", tensor._compressed), ("row_indices", tensor._plain), values]
    raise RuntimeError(f"internal error: no text for {type(tensor).__name__}")


def _part(name: str, part: Tensor) -> str:
    prefix = f"{name}=tensor("
    if not part.numel():
        return f"{prefix}[], size={tuple(part.shape)})"
    return f"{prefix}{_values(part, _INDENT + len(prefix))})"
