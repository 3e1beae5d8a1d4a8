"""A two-way channel between a process and its worker: one Unix socket, whole messages.

Layer above `_transfer`. A frame is a header (lengths), a table (where the buffers are), the
pickle and the inline bytes; descriptors of shared segments ride on the header. The worker's side
blocks. The supervisor's side never blocks on sending (`post`, `flush`): a worker that is itself
blocked on sending a large result would never read, and both would wait forever.
"""

from __future__ import annotations

import array
import collections
import contextlib
import os
import pickle
import socket
import struct
from dataclasses import dataclass
from typing import Any

from ._shm import map_segment
from ._transfer import Parcel, pack, unpack

__all__ = ["Channel", "Message"]

_HEADER = struct.Struct("<QQQQ")  # bytes of table, body and inline region; number of descriptors
_MAX_DESCRIPTORS = 253  # the kernel's limit for one message
_CLOEXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


@dataclass
class Message:
    """What arrived: the object, and the sender's complaint about shared memory if it had one."""

    content: Any
    notice: str | None


class Channel:
    """One end of a connected pair of Unix stream sockets."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._outbox: collections.deque[memoryview] = collections.deque()

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Two connected ends."""
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return cls(left), cls(right)

    def __reduce__(self) -> Any:
        return Channel, (self._socket,)  # only while a process is being spawned

    def fileno(self) -> int:
        """The socket's descriptor, -1 when closed."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this process's descriptor; other copies of it keep the channel open."""
        self._outbox.clear()
        self._socket.close()

    def hang_up(self) -> None:
        """Close the channel itself, whatever forks hold copies of it: the other end reads EOF."""
        with contextlib.suppress(OSError):  # the other end may be gone
            self._socket.shutdown(socket.SHUT_RDWR)
        self.close()

    def send(self, content: Any) -> None:
        """Send an object, large buffers by shared memory; blocks until it is on its way.

        Raises:
            OSError: the other end is closed.
            Exception: the object cannot be pickled; nothing was sent.
        """
        parcel = pack(content)
        head = _head(parcel)
        descriptors = array.array("i", [segment.fd for segment in parcel.segments])
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)] if descriptors else []
        sent = self._socket.sendmsg([head], rights)
        for segment in parcel.segments:
            segment.close()
        for part in (head[sent:], parcel.body, parcel.inline):
            if part:
                self._socket.sendall(part)

    @property
    def pending(self) -> bool:
        """Whether posted messages wait for space in the socket."""
        return bool(self._outbox)

    def post(self, content: Any) -> None:
        """Queue an object and send as much as fits now; all of it inline."""
        parcel = pack(content, inline=True)
        parts = (_head(parcel), parcel.body, parcel.inline)
        self._outbox.extend(memoryview(part) for part in parts if part)
        self.flush()

    def flush(self) -> None:
        """Send posted bytes as long as the socket takes them; a closed peer discards them."""
        try:
            while self._outbox:
                part = self._outbox[0]
                sent = self._socket.send(part, socket.MSG_DONTWAIT)
                if sent == len(part):
                    self._outbox.popleft()
                else:
                    self._outbox[0] = part[sent:]
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self._outbox.clear()  # the death is found and reported where results are read

    def receive(self) -> Message:
        """Wait for the next message.

        Raises:
            EOFError: the other end is closed.
            RuntimeError: the process has no descriptors left for the message's memory.
        """
        head, descriptors = self._receive_head()
        table_size, body_size, inline_size, count = _HEADER.unpack(head)
        table = self._receive_exactly(table_size)
        body = self._receive_exactly(body_size)
        inline = self._receive_exactly(inline_size)
        slots, sizes, notice = pickle.loads(table)
        if len(descriptors) != count:
            _close_all(descriptors)
            raise RuntimeError(
                "Too many open files. Communication with the workers is no longer possible. "
                "Please increase the limit using `ulimit -n` in the shell"
            )
        segments = [map_segment(fd, size) for fd, size in zip(descriptors, sizes, strict=True)]
        return Message(unpack(body, slots, [inline, *segments]), notice)

    def _receive_head(self) -> tuple[bytearray, list[int]]:
        space = socket.CMSG_SPACE(_MAX_DESCRIPTORS * array.array("i").itemsize)
        first, ancillary, _, _ = self._socket.recvmsg(_HEADER.size, space, _CLOEXEC)
        if not first:
            raise EOFError
        descriptors = array.array("i")
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        return bytearray(first) + self._receive_exactly(_HEADER.size - len(first)), list(
            descriptors
        )

    def _receive_exactly(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        done = 0
        while done < size:
            count = self._socket.recv_into(view[done:])
            if count == 0:
                raise EOFError
            done += count
        return data


def _head(parcel: Parcel) -> bytes:
    sizes = [segment.size for segment in parcel.segments]
    table = pickle.dumps((parcel.slots, sizes, parcel.notice))
    lengths = (len(table), len(parcel.body), len(parcel.inline), len(sizes))
    return _HEADER.pack(*lengths) + table


def _close_all(descriptors: list[int]) -> None:
    for fd in descriptors:
        os.close(fd)
