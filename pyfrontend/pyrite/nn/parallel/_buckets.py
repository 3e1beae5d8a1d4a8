"""Gradients of several parameters in one flat buffer, so that they travel in one message.

Parameters come in reverse order of use: the first bucket is small, so that communication begins
early in backward. Invariant: a bucket holds one dtype on one device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyrite import _C
from pyrite._C import Tensor

__all__ = ["Bucket", "GradBucket", "assign"]


class Bucket:
    """One buffer and the parameters whose gradients are in it.

    Attributes:
        members: their positions in the list of all parameters.
        buffer: the gradients, one after the other.
        views: each parameter's part of the buffer, in its shape.
        pending: how many of them have no gradient yet in this backward.
        future: the reduced buffer, once it is on its way.
    """

    def __init__(self, members: list[int], parameters: Sequence[Tensor]) -> None:
        self.members = members
        self.parameters = [parameters[i] for i in members]
        first = self.parameters[0]
        sizes = [parameter.numel() for parameter in self.parameters]
        self.buffer = _C.zeros(sum(sizes), dtype=first.dtype, device=first.device)
        self.views: list[Tensor] = []
        start = 0
        for parameter, size in zip(self.parameters, sizes, strict=True):
            self.views.append(self.buffer[start : start + size].view(parameter.shape))
            start += size
        self.pending = len(members)
        self.future: Any = None


class GradBucket:
    """A bucket as communication hooks see it."""

    def __init__(self, bucket: Bucket, index: int, is_last: bool) -> None:
        self._bucket = bucket
        self._index = index
        self._is_last = is_last

    def index(self) -> int:
        """Its number: buckets are reduced in this order."""
        return self._index

    def is_last(self) -> bool:
        """Whether it is the last one of this backward."""
        return self._is_last

    def buffer(self) -> Tensor:
        """The gradients, one after the other; hooks may write to it."""
        return self._bucket.buffer

    def set_buffer(self, buffer: Tensor) -> None:
        """Replaces the contents of the buffer."""
        self._bucket.buffer.copy_(buffer)

    def gradients(self) -> list[Tensor]:
        """The gradients as views of the buffer, in the parameters' shapes."""
        return list(self._bucket.views)

    def parameters(self) -> list[Tensor]:
        """The parameters that the gradients belong to."""
        return list(self._bucket.parameters)


def assign(parameters: Sequence[Tensor], order: Sequence[int], limits: Sequence[int]) -> list[Any]:
    """Splits parameters into buckets.

    Args:
        parameters: all of them.
        order: their positions, in the order in which gradients become ready.
        limits: bytes of the first bucket, of the second, ...; the last limit holds for the rest.

    Returns:
        A list of positions for each bucket, ordered by their first parameter.
    """
    done: list[list[int]] = []
    open_: dict[Any, tuple[list[int], int]] = {}
    closed: dict[Any, int] = {}
    for position in order:
        parameter = parameters[position]
        key = (parameter.dtype, parameter.device)
        members, size = open_.pop(key, ([], 0))
        if not members:
            done.append(members)
        members.append(position)
        size += parameter.numel() * parameter.element_size()
        limit = limits[min(closed.get(key, 0), len(limits) - 1)]
        if size < limit:
            open_[key] = (members, size)
        else:
            closed[key] = closed.get(key, 0) + 1
    return done
