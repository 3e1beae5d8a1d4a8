"""Tensors in queues, pipes and process arguments: a description and a descriptor of shared memory.

Layer above `_shm`. The memory of a tensor that is not shared yet is copied into a segment once; a
received tensor lies in its segment, so that passing it on copies nothing. Invariant: a receiver may
write to what it got, and processes that got the same tensor see it.
"""

from __future__ import annotations

import mmap
import os
import weakref
from multiprocessing import reduction
from multiprocessing.reduction import ForkingPickler
from typing import Any

from pyrite import _C
from pyrite.nn.parameter import Parameter

from ._shm import Segment

__all__ = ["init_reductions", "rebuild_tensor", "reduce_tensor"]


class SharedMemory(mmap.mmap):
    """A mapped segment that knows its descriptor, closed with the last tensor in it."""

    fd: int

    @classmethod
    def adopt(cls, fd: int, size: int) -> SharedMemory:
        """Maps a descriptor and owns it."""
        memory = cls(fd, size)
        memory.fd = fd
        weakref.finalize(memory, os.close, fd)
        return memory

    @classmethod
    def holding(cls, tensor: _C.Tensor) -> SharedMemory:
        """New memory with a copy of the tensor's storage."""
        storage = tensor.untyped_storage()
        segment = Segment(storage.nbytes())
        memory = cls.adopt(os.dup(segment.fd), segment.size)
        _bytes_of(memory).copy_(_C._tensor_over(storage, _C.uint8, 0, (segment.size,), (1,)))
        return memory


# Mappings by the address of their first byte, and by the file behind them.
_by_address: weakref.WeakValueDictionary[int, SharedMemory] = weakref.WeakValueDictionary()
_by_file: weakref.WeakValueDictionary[tuple[int, int], SharedMemory] = weakref.WeakValueDictionary()


def init_reductions() -> None:
    """Lets every pickle that `multiprocessing` makes carry tensors this way."""
    for cls in (_C.Tensor, Parameter):
        ForkingPickler.register(cls, reduce_tensor)


def reduce_tensor(tensor: _C.Tensor) -> Any:
    """How a tensor is pickled for another process.

    Raises:
        RuntimeError: the tensor is no leaf and requires gradients.
    """
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd "
            "does not support crossing process boundaries.  If you just want to transfer the data, "
            "call detach() on the tensor before serializing (e.g., putting it on the queue)."
        )
    device = tensor.device
    host = tensor.detach().cpu().resolve_conj().resolve_neg()
    if host.untyped_storage().nbytes() == 0:
        place: Any = None
    else:
        memory = _by_address.get(host.untyped_storage().data_ptr()) or SharedMemory.holding(host)
        place = (reduction.DupFd(memory.fd), len(memory))
    geometry = (tuple(host.shape), host.stride(), host.storage_offset())
    made = (type(tensor), tensor.requires_grad, str(device))
    return rebuild_tensor, (place, host.dtype, geometry, made)


def rebuild_tensor(place: Any, dtype: Any, geometry: Any, made: Any) -> Any:
    """The tensor that `reduce_tensor` described, in the receiving process.

    Args:
        place: descriptor and size of its memory; None for none.
        dtype: of its elements.
        geometry: shape, strides and offset.
        made: class, whether it requires gradients, device.
    """
    shape, strides, offset = geometry
    cls, requires_grad, device = made
    if place is None:
        tensor = _C.empty(shape, dtype=dtype)
    else:
        storage = _bytes_of(_received(place[0].detach(), place[1])).untyped_storage()
        tensor = _C._tensor_over(storage, dtype, offset, shape, strides)
    tensor = tensor.to(device)
    return cls(tensor, requires_grad) if cls is Parameter else tensor.requires_grad_(requires_grad)


def _received(fd: int, size: int) -> SharedMemory:
    """The mapping of a descriptor: the one there is, where the same memory came before."""
    status = os.fstat(fd)
    file = (status.st_dev, status.st_ino)
    memory = _by_file.get(file)
    if memory is not None:
        os.close(fd)
        return memory
    memory = SharedMemory.adopt(fd, size)
    _by_file[file] = memory
    return memory


def _bytes_of(memory: SharedMemory) -> _C.Tensor:
    """A tensor over the mapping, which is found again by its address."""
    tensor = _C.frombuffer(memory, dtype=_C.uint8)
    _by_address[tensor.data_ptr()] = memory
    return tensor
