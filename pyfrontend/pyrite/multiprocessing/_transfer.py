"""Objects to bytes and back, with the memory of tensors and arrays outside of the pickle.

Layer between `_shm` (bytes) and `_channel` (a socket). A pickle of protocol 5 hands out the big
buffers; they go into one shared segment, or inline when they are few bytes or no segment can be
made. A tensor that already lies in a segment (`shared_empty`) is sent as it is.
Invariant: what arrives is writable and owned by the receiver alone.
"""

from __future__ import annotations

import ctypes
import io
import math
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.reduction import ForkingPickler
from typing import Any

from pyrite import _C

from ._shm import Segment

__all__ = ["INLINE_LIMIT", "Parcel", "pack", "shared_empty", "unpack"]

INLINE_LIMIT = 64 * 1024  # bytes of buffers below which a segment costs more than a copy
_ALIGNMENT = 64
_MAX_PLACED = 32  # segments a parcel may carry besides its own; sockets pass up to 253
_INLINE = 0  # region number of the inline bytes; segment k is region k + 1

# Segments behind the tensors of `shared_empty`, by address, until the next `pack`.
_placed: dict[int, Segment] = {}


@dataclass
class Parcel:
    """An object ready to be sent.

    Attributes:
        body: the pickle.
        slots: where each buffer of the pickle lies: (region, offset, bytes).
        inline: region 0.
        segments: regions 1, 2, ...
        notice: why no segment could be made, if one was wanted.
    """

    body: bytes
    slots: list[tuple[int, int, int]]
    inline: bytearray = field(default_factory=bytearray)
    segments: list[Segment] = field(default_factory=list)
    notice: str | None = None


def shared_empty(shape: Sequence[int], dtype: Any) -> _C.Tensor | None:
    """An unset CPU tensor in shared memory; None if it is too small or there is no space."""
    size = math.prod(shape) * dtype.itemsize
    if size < INLINE_LIMIT or len(_placed) >= _MAX_PLACED:
        return None
    try:
        segment = Segment(size)
    except OSError:  # `pack` will try again, and report it
        return None
    tensor = _C.frombuffer(segment.memory, dtype=dtype).view(tuple(shape))
    _placed[tensor.data_ptr()] = segment
    return tensor


def pack(obj: Any, *, inline: bool = False) -> Parcel:
    """Pickle an object; `inline` keeps all buffers out of shared memory."""
    try:
        stream = io.BytesIO()
        pickler = _Pickler(stream)
        pickler.dump(obj)
        parcel = Parcel(stream.getvalue(), [])
        _lay_out(pickler.buffers, parcel, inline)
        return parcel
    finally:
        _placed.clear()


def unpack(body: bytes | bytearray, slots: list[tuple[int, int, int]], regions: list[Any]) -> Any:
    """The object of a parcel; its tensors and arrays keep the regions they lie in alive."""
    views = [memoryview(region) for region in regions]
    buffers = [views[region][start : start + size] for region, start, size in slots]
    return pickle.loads(body, buffers=buffers)


def _lay_out(buffers: list[pickle.PickleBuffer], parcel: Parcel, inline: bool) -> None:
    """Give each buffer its place and copy the ones that are not yet in a segment."""
    loose: list[tuple[int, memoryview]] = []
    end = 0
    for buffer in buffers:
        raw = buffer.raw()
        segment = _segment_of(raw)
        if segment is not None:
            parcel.segments.append(segment)
            parcel.slots.append((len(parcel.segments), 0, raw.nbytes))
        else:
            loose.append((end, raw))
            parcel.slots.append((-1, end, raw.nbytes))
            end += -(-raw.nbytes // _ALIGNMENT) * _ALIGNMENT
    region, memory = _region(end, parcel, inline)
    parcel.slots = [(region if r < 0 else r, start, size) for r, start, size in parcel.slots]
    with memoryview(memory) as view:
        for start, raw in loose:
            view[start : start + raw.nbytes] = raw


def _region(size: int, parcel: Parcel, inline: bool) -> tuple[int, Any]:
    """Number and memory of the region for loose buffers."""
    if size >= INLINE_LIMIT and not inline:
        try:
            segment = Segment(size)
            parcel.segments.append(segment)
            return len(parcel.segments), segment.memory
        except OSError as error:
            parcel.notice = str(error)
    parcel.inline = bytearray(size)
    return _INLINE, parcel.inline


def _segment_of(raw: memoryview) -> Segment | None:
    if not _placed or raw.readonly or raw.nbytes < INLINE_LIMIT:
        return None
    segment = _placed.get(ctypes.addressof(ctypes.c_char.from_buffer(raw)))
    return segment if segment is not None and segment.size == raw.nbytes else None


class _Pickler(ForkingPickler):
    """Pickles plain CPU tensors as a buffer and its description."""

    def __init__(self, stream: io.BytesIO) -> None:
        self.buffers: list[pickle.PickleBuffer] = []
        self._alive: list[_C.Tensor] = []  # the buffers point into these
        super().__init__(stream, 5, True, self.buffers.append)

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is not _C.Tensor or obj.device.type != "cpu" or obj.requires_grad:
            # not as `reductions` registered them: a parcel is all there is to a message here
            return obj.__reduce_ex__(5) if isinstance(obj, _C.Tensor) else NotImplemented
        order = _memory_order(obj)
        dense = obj.resolve_conj().resolve_neg().permute(order).contiguous()
        shape = tuple(dense.shape)
        if dense.numel() == 0:
            return _empty_tensor, (tuple(obj.shape), obj.dtype)
        self._alive.append(dense)
        array = ctypes.c_char * (dense.numel() * dense.element_size())
        memory = pickle.PickleBuffer(array.from_address(dense.data_ptr()))
        return _tensor_from_buffer, (memory, obj.dtype, shape, order)


def _memory_order(tensor: _C.Tensor) -> list[int]:
    """Dims from the outermost in memory to the innermost; as they are if there are gaps."""
    order = sorted(range(tensor.dim()), key=tensor.stride, reverse=True)
    return order if tensor.permute(order).is_contiguous() else list(range(tensor.dim()))


def _empty_tensor(shape: tuple[int, ...], dtype: Any) -> _C.Tensor:
    return _C.empty(shape, dtype=dtype)


def _tensor_from_buffer(
    buffer: Any, dtype: Any, shape: tuple[int, ...], order: list[int]
) -> _C.Tensor:
    """The tensor over a buffer: dims of `shape` are in memory order, `order` names their places."""
    places = sorted(range(len(order)), key=order.__getitem__)
    return _C.frombuffer(buffer, dtype=dtype).view(shape).permute(places)
