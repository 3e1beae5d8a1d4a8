"""Shared memory without names: a segment is a file descriptor, and vanishes with its last user.

Lowest layer of moving tensors between processes; knows bytes only. A segment is a file in
/dev/shm, created exclusively with mode 0600 and unlinked before anything is written, so that
no crash of either side can leave it behind. Its pages are allocated up front: a full /dev/shm is
an OSError here, never a SIGBUS in the middle of a copy.
"""

from __future__ import annotations

import mmap
import os
import resource
import secrets
import sys
import tempfile
import weakref

__all__ = ["Segment", "map_segment"]

_SHARED_DIRECTORY = "/dev/shm"
_FLAGS = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC


class Segment:
    """Shared memory of `size` > 0 bytes, mapped in the process that made it.

    Attributes:
        fd: the descriptor to send to the receiver; owned by this object until `close`.
        size: bytes.
        memory: the writable mapping; it stays valid as long as something refers to it.

    Raises:
        OSError: no space, no descriptors.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.fd = _unnamed_file()
        try:
            _reserve(self.fd, size)
            self.memory = _map(self.fd, size)
        except BaseException:
            os.close(self.fd)
            raise

    def close(self) -> None:
        """Close the descriptor; mappings here and in other processes live on."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __del__(self) -> None:
        if getattr(self, "fd", -1) >= 0:
            self.close()


def map_segment(fd: int, size: int) -> mmap.mmap | bytearray:
    """Take over a received descriptor and return its bytes, writable.

    The descriptor is closed. Python below 3.13 keeps one descriptor a mapping, so that a program
    that collects thousands of batches would run out of them: when mappings hold half of the
    allowed ones, the bytes are copied instead.
    """
    try:
        if _may_map():
            try:
                memory = _map(fd, size)
                _received.add(memory)
                return memory
            except OSError:  # out of mappings or address space: a copy may still do
                pass
        return _read(fd, size)
    finally:
        os.close(fd)


# The mappings of received segments that are in use.
_received: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


def _may_map() -> bool:
    if sys.version_info >= (3, 13):
        return True
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return allowed == resource.RLIM_INFINITY or len(_received) < allowed // 2


def _unnamed_file() -> int:
    directory = _SHARED_DIRECTORY if os.path.isdir(_SHARED_DIRECTORY) else tempfile.gettempdir()
    path = os.path.join(directory, f"pyrite-{os.getpid()}-{secrets.token_hex(8)}")
    fd = os.open(path, _FLAGS, 0o600)
    os.unlink(path)
    return fd


def _reserve(fd: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
    else:  # macOS has no call for it
        os.ftruncate(fd, size)


def _map(fd: int, size: int) -> mmap.mmap:
    if sys.version_info >= (3, 13):
        return mmap.mmap(fd, size, trackfd=False)
    return mmap.mmap(fd, size)


def _read(fd: int, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    done = 0
    while done < size:
        count = os.preadv(fd, [view[done:]], done)
        if count == 0:
            raise EOFError(f"shared memory segment ends at byte {done} of {size}")
        done += count
    return data
