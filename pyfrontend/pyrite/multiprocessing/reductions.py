"""Tensors in queues, pipes and process arguments: a description and a descriptor of shared memory.

Layer above `_shm`. A tensor that is not shared yet is copied into a segment when it is sent; one
that is (`share_memory_`, or received) lies in its segment, so that sending it copies nothing.
Unshared arguments of a process, and tensors for which no shared memory is left, travel as bytes.
Invariant: a receiver may write to what it got, and processes that got the same tensor see it.
"""

from __future__ import annotations

import mmap
import os
import pickle
import weakref
from multiprocessing import context, reduction
from multiprocessing.reduction import ForkingPickler
from typing import Any

from pyrite import _C

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
    ForkingPickler.register(_C.Tensor, reduce_tensor)  # a parameter is pickled as one, and more


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
    host = tensor.detach().cpu().resolve_conj().resolve_neg()
    memory = _memory_of(host)
    if memory is None:
        return tensor.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    place = (_handle(memory.fd), host.untyped_storage().nbytes())
    geometry = (tuple(host.shape), host.stride(), host.storage_offset())
    return rebuild_tensor, (place, host.dtype, geometry, tensor.requires_grad, str(tensor.device))


def _handle(fd: int) -> Any:
    """What stands for a descriptor in a pickle; a process is started with each of them once."""
    starting: Any = context.get_spawning_popen()
    if starting is None:
        return reduction.DupFd(fd)
    handles = starting.__dict__.setdefault("_pyrite_handles", {})
    if fd not in handles:
        handles[fd] = reduction.DupFd(fd)
    return handles[fd]


def _memory_of(host: _C.Tensor) -> SharedMemory | Segment | None:
    """Shared memory with the tensor's storage; None where bytes have to do."""
    storage = host.untyped_storage()
    if storage.nbytes() == 0:
        return None
    segment: Segment | None = storage._segment  # of `share_memory_`
    memory = segment or _by_address.get(storage.data_ptr())
    # What is made for a process that is being started would be gone before the process is there.
    if memory is not None or context.get_spawning_popen() is not None:
        return memory
    try:
        return SharedMemory.holding(host)
    except OSError:  # no space, no descriptors
        return None


def rebuild_tensor(
    place: Any, dtype: Any, geometry: Any, requires_grad: bool, device: str
) -> _C.Tensor:
    """The tensor that `reduce_tensor` described, in the receiving process.

    Args:
        place: descriptor and size of its memory.
        dtype: of its elements.
        geometry: shape, strides and offset.
        requires_grad: whether it does.
        device: where it was.
    """
    shape, strides, offset = geometry
    storage = _bytes_of(_received(place[0].detach(), place[1])).untyped_storage()
    tensor = _C._tensor_over(storage, dtype, offset, shape, strides)
    return tensor.to(device).requires_grad_(requires_grad)


def _received(fd: int, size: int) -> SharedMemory:
    """The mapping of a descriptor: the one there is, where the same memory came before."""
    status = os.fstat(fd)
    file = (status.st_dev, status.st_ino)
    memory = _by_file.get(file)
    if memory is not None:
        if memory.fd != fd:  # a process that was just started has one for all its tensors there
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
