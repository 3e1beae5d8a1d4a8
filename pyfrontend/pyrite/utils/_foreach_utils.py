"""Sorting lists of tensors by device and dtype, for optimizers that call `_foreach_*` on each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from pyrite._C import Tensor, device, dtype

Indices: TypeAlias = list[int]
TensorListList: TypeAlias = list[list[Tensor | None]]


def _group_tensors_by_device_and_dtype(
    tensorlistlist: Sequence[Sequence[Any]], with_indices: bool = False
) -> dict[tuple[device, dtype], tuple[list[list[Any]], Indices]]:
    """The rows of parallel lists, by device and dtype of the first list's tensors.

    Args:
        tensorlistlist: lists of one length, of tensors, numbers or None; empty ones stay empty.
        with_indices: whether to give the rows' numbers, too.

    Returns:
        For each device and dtype the lists and the rows' numbers, if asked for.
    """
    groups: dict[tuple[device, dtype], tuple[list[list[Any]], Indices]] = {}
    for row, tensor in enumerate(tensorlistlist[0]):
        key = (tensor.device, tensor.dtype)
        lists, rows = groups.setdefault(key, ([[] for _ in tensorlistlist], []))
        if with_indices:
            rows.append(row)
        for column, source in zip(lists, tensorlistlist, strict=True):
            if source:
                column.append(source[row])
    return groups


def _get_foreach_kernels_supported_devices() -> list[str]:
    """The device types on which PyTorch prefers `_foreach_*`; any list of tensors works here."""
    return ["cuda"]


def _get_fused_kernels_supported_devices() -> list[str]:
    """The device types with fused optimizer steps."""
    return ["cpu", "cuda", "mps", "gpu"]


def _device_has_foreach_support(device: device) -> bool:
    """Always: they are calls of ordinary ops."""
    return True


def _has_foreach_support(tensors: Sequence[Any], device: device) -> bool:
    """Whether no tensor is of a subclass, which may want to see every call."""
    return all(tensor is None or type(tensor) is Tensor for tensor in tensors)
