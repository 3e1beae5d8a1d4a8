"""Stores: tables of keys in which ranks find each other, with PyTorch's interface.

`TCPStore` lives in one rank and is reached through sockets; `FileStore` is a file that all ranks
see; `HashStore` is a table for the threads of a process; `PrefixStore` is a part of another store.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from weakref import WeakSet, WeakValueDictionary

from pyrite import _C
from pyrite.distributed.errors import DistStoreError

__all__ = ["FileStore", "HashStore", "PrefixStore", "Store", "TCPStore"]

_Value = str | bytes
_DEFAULT_TIMEOUT = timedelta(seconds=300)
# The servers of this process that are still in use, by host and port.
_servers: WeakValueDictionary[tuple[str, int], _C._StoreServer] = WeakValueDictionary()
_clients: WeakSet[_C._StoreClient] = WeakSet()


def _abandon() -> None:
    """In a forked child: the parent's connections would outlive the parent here."""
    for server in _servers.values():
        server.abandon()
    for client in _clients:
        client.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon)


def _bytes(value: _Value) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def group_secret() -> _C._Secret:
    """What the processes of a group prove to each other.

    The variable PYRITE_GROUP_KEY (for groups across hosts), else a file of this user on this host,
    made on first use with mode 0600.
    """
    environ = os.environ
    folder = environ.get("XDG_RUNTIME_DIR") or environ.get("XDG_CACHE_HOME")
    if not folder or not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        folder = os.path.join(os.path.expanduser("~"), ".cache")
    return _C._Secret(environ.get("PYRITE_GROUP_KEY"), os.path.join(folder, "pyrite"))


class Store:
    """A table of keys and byte values that all ranks share.

    A subclass gives `set`, `get`, `add` and the rest of the public methods; `get` and `wait` block
    until a key is there.
    """

    def __init__(self) -> None:
        self._timeout = _DEFAULT_TIMEOUT

    @property
    def timeout(self) -> timedelta:
        """How long `get` and `wait` block at most."""
        return self._timeout

    def set_timeout(self, timeout: timedelta) -> None:
        """Changes how long `get` and `wait` block at most."""
        self._timeout = timeout

    def set(self, key: str, value: _Value) -> None:
        """Sets a key."""
        raise NotImplementedError

    def get(self, key: str) -> bytes:
        """The value of a key, once it is there."""
        raise NotImplementedError

    def add(self, key: str, amount: int) -> int:
        """Adds to a counter, which starts at 0; its new value."""
        raise NotImplementedError

    def compare_set(self, key: str, expected_value: _Value, desired_value: _Value) -> bytes:
        """Sets a key that holds `expected_value` (or is absent and that is empty); its value."""
        raise NotImplementedError

    def append(self, key: str, value: _Value) -> None:
        """Appends to a value."""
        raise NotImplementedError

    def check(self, keys: Sequence[str]) -> bool:
        """Whether all keys are there."""
        raise NotImplementedError

    def delete_key(self, key: str) -> bool:
        """Removes a key; whether it was there."""
        raise NotImplementedError

    def num_keys(self) -> int:
        """How many keys there are."""
        raise NotImplementedError

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        """Blocks until all keys are there.

        Raises:
            DistStoreError: they are not, after the timeout.
        """
        limit = timeout or self._timeout
        end = time.monotonic() + limit.total_seconds()
        pause = 0.001
        while not self.check(keys):
            if time.monotonic() > end:
                milliseconds = int(limit.total_seconds() * 1000)
                raise DistStoreError(
                    f"wait timeout after {milliseconds}ms, keys: {', '.join(keys)}"
                )
            time.sleep(pause)
            pause = min(2 * pause, 0.05)

    def multi_get(self, keys: Sequence[str]) -> list[bytes]:
        """The values of several keys."""
        return [self.get(key) for key in keys]

    def multi_set(self, keys: Sequence[str], values: Sequence[_Value]) -> None:
        """Sets several keys."""
        for key, value in zip(keys, values, strict=True):
            self.set(key, value)

    def has_extended_api(self) -> bool:
        """Whether `append`, `multi_get` and `multi_set` are there: True."""
        return True

    def _local_host(self) -> str:
        """The address at which the other ranks can reach this host, as far as the store knows."""
        return "127.0.0.1"


class TCPStore(Store):
    """A store that one process serves and the others reach through sockets.

    Only processes that know the group's secret are served: PYRITE_GROUP_KEY, or on one host the
    key file of the user.

    Args:
        host_name: the server's host; the server listens on this address only.
        port: the server's port; 0 for any, where this process is the server.
        world_size: how many clients there will be, the server's own included.
        is_master: whether this process is the server.
        timeout: for connecting, `get` and `wait`.
        wait_for_workers: whether the server waits here until all clients are there.
        multi_tenant: whether a server of this process on that port is shared.
        master_listen_fd: not supported.
        use_libuv: inert; there is one implementation.

    Raises:
        DistNetworkError: the port is in use, or the server cannot be reached in time.
    """

    def __init__(
        self,
        host_name: str,
        port: int,
        world_size: int | None = None,
        is_master: bool = False,
        timeout: timedelta = _DEFAULT_TIMEOUT,
        wait_for_workers: bool = True,
        multi_tenant: bool = False,
        master_listen_fd: int | None = None,
        use_libuv: bool = True,
    ) -> None:
        super().__init__()
        if master_listen_fd is not None:
            raise NotImplementedError("TCPStore: master_listen_fd is not supported")
        secret = group_secret()
        self._timeout = timeout
        self._server: _C._StoreServer | None = None
        if is_master:
            shared = _servers.get((host_name, port)) if multi_tenant else None
            self._server = shared or _C._StoreServer(host_name, port, secret)
            _servers[(host_name, self._server.port)] = self._server
        self._host = host_name
        self._port = port if self._server is None else self._server.port
        self._client = _C._StoreClient(host_name, self._port, secret, self._seconds)
        _clients.add(self._client)
        if wait_for_workers and world_size is not None and world_size > 0:
            self._meet(world_size)

    def _meet(self, world_size: int) -> None:
        if self.add("worker_count", 1) == world_size:
            self.set("worker_count/all", b"1")
        if self._server is None:
            return
        try:
            self.wait(["worker_count/all"])
        except DistStoreError as error:
            here = self.add("worker_count", 0)
            raise DistStoreError(
                f"Timed out after {int(self._seconds) + 1} seconds waiting for clients. "
                f"{here}/{world_size} clients joined.\n  {self._server.refused} connections were "
                "refused: they did not prove that they know the group's key"
            ) from error

    @property
    def _seconds(self) -> float:
        return self._timeout.total_seconds()

    @property
    def host(self) -> str:
        """The server's host."""
        return self._host

    @property
    def port(self) -> int:
        """The server's port."""
        return self._port

    def __repr__(self) -> str:
        kind = "server" if self._server is not None else "client"
        return f"TCPStore({self._host}:{self._port}, {kind})"

    def set(self, key: str, value: _Value) -> None:
        """Sets a key."""
        self._client.set(key, _bytes(value), self._seconds)

    def get(self, key: str) -> bytes:
        """The value of a key, once it is there."""
        self._client.wait([key], self._seconds)
        return self._client.get(key, self._seconds)

    def add(self, key: str, amount: int) -> int:
        """Adds to a counter, which starts at 0; its new value."""
        return self._client.add(key, amount, self._seconds)

    def compare_set(self, key: str, expected_value: _Value, desired_value: _Value) -> bytes:
        """Sets a key that holds `expected_value` (or is absent and that is empty); its value."""
        expected, desired = _bytes(expected_value), _bytes(desired_value)
        return self._client.compare_set(key, expected, desired, self._seconds)

    def append(self, key: str, value: _Value) -> None:
        """Appends to a value."""
        self._client.append(key, _bytes(value), self._seconds)

    def check(self, keys: Sequence[str]) -> bool:
        """Whether all keys are there."""
        return self._client.check(list(keys), self._seconds)

    def delete_key(self, key: str) -> bool:
        """Removes a key; whether it was there."""
        return self._client.delete(key, self._seconds)

    def num_keys(self) -> int:
        """How many keys there are."""
        return self._client.count(self._seconds)

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        """Blocks until all keys are there."""
        self._client.wait(list(keys), (timeout or self._timeout).total_seconds())

    def _local_host(self) -> str:
        return self._client.local_host


class _TableStore(Store):
    """A store whose whole table one process changes at a time, under `_table`."""

    def _change(self, key: str, change: Any) -> bytes:
        """Replaces the value of `key` by `change(value or None)`; None removes it."""
        raise NotImplementedError

    def _read(self) -> dict[str, bytes]:
        raise NotImplementedError

    def set(self, key: str, value: _Value) -> None:
        """Sets a key."""
        self._change(key, lambda old: _bytes(value))

    def get(self, key: str) -> bytes:
        """The value of a key, once it is there."""
        self.wait([key])
        return self._read().get(key, b"")

    def add(self, key: str, amount: int) -> int:
        """Adds to a counter, which starts at 0; its new value."""
        return int(self._change(key, lambda old: str(int(old or 0) + amount).encode()))

    def compare_set(self, key: str, expected_value: _Value, desired_value: _Value) -> bytes:
        """Sets a key that holds `expected_value` (or is absent and that is empty); its value."""
        expected, desired = _bytes(expected_value), _bytes(desired_value)
        if not self.check([key]) and expected:
            return expected
        return self._change(
            key, lambda old: desired if old == expected or (old is None and not expected) else old
        )

    def append(self, key: str, value: _Value) -> None:
        """Appends to a value."""
        self._change(key, lambda old: (old or b"") + _bytes(value))

    def check(self, keys: Sequence[str]) -> bool:
        """Whether all keys are there."""
        table = self._read()
        return all(key in table for key in keys)

    def delete_key(self, key: str) -> bool:
        """Removes a key; whether it was there."""
        there = self.check([key])
        self._change(key, lambda old: None)
        return there

    def num_keys(self) -> int:
        """How many keys there are."""
        return len(self._read())


class HashStore(_TableStore):
    """A table in this process, for its threads."""

    def __init__(self) -> None:
        super().__init__()
        self._table: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def _change(self, key: str, change: Any) -> bytes:
        with self._lock:
            value: bytes | None = change(self._table.get(key))
            if value is None:
                self._table.pop(key, None)
                return b""
            self._table[key] = value
            return value

    def _read(self) -> dict[str, bytes]:
        with self._lock:
            return dict(self._table)


class FileStore(_TableStore):
    """A table in a file that all ranks see: records are appended under a lock.

    Args:
        file_name: the file; it is made when it is not there, and has to be new for a new group.
        world_size: how many ranks use it; inert.
    """

    def __init__(self, file_name: str, world_size: int = -1) -> None:
        super().__init__()
        self._path = os.fspath(file_name)
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))

    @property
    def path(self) -> str:
        """The file."""
        return self._path

    def _parse(self, data: bytes) -> dict[str, bytes]:
        table: dict[str, bytes] = {}
        at = 0
        while at < len(data):
            lengths = data[at : at + 16]
            key_length = int.from_bytes(lengths[:8], "little")
            value_length = int.from_bytes(lengths[8:], "little", signed=True)
            at += 16
            key = data[at : at + key_length].decode()
            at += key_length
            if value_length < 0:
                table.pop(key, None)
            else:
                table[key] = data[at : at + value_length]
                at += value_length
        return table

    def _change(self, key: str, change: Any) -> bytes:
        import fcntl

        with open(self._path, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            value: bytes | None = change(self._parse(file.read()).get(key))
            name = key.encode()
            length = -1 if value is None else len(value)
            head = len(name).to_bytes(8, "little") + length.to_bytes(8, "little", signed=True)
            file.write(head + name + (value or b""))
        return value or b""

    def _read(self) -> dict[str, bytes]:
        import fcntl

        with open(self._path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return self._parse(file.read())


class PrefixStore(Store):
    """The keys of another store that begin with a prefix.

    Args:
        prefix: what every key gets in front.
        store: the other store.
    """

    def __init__(self, prefix: str, store: Store) -> None:
        super().__init__()
        self._prefix = prefix
        self._store = store

    @property
    def underlying_store(self) -> Store:
        """The other store."""
        return self._store

    @property
    def timeout(self) -> timedelta:
        """How long `get` and `wait` block at most."""
        return self._store.timeout

    def set_timeout(self, timeout: timedelta) -> None:
        """Changes how long `get` and `wait` block at most."""
        self._store.set_timeout(timeout)

    def _key(self, key: str) -> str:
        return f"{self._prefix}/{key}"

    def set(self, key: str, value: _Value) -> None:
        """Sets a key."""
        self._store.set(self._key(key), value)

    def get(self, key: str) -> bytes:
        """The value of a key, once it is there."""
        return self._store.get(self._key(key))

    def add(self, key: str, amount: int) -> int:
        """Adds to a counter, which starts at 0; its new value."""
        return self._store.add(self._key(key), amount)

    def compare_set(self, key: str, expected_value: _Value, desired_value: _Value) -> bytes:
        """Sets a key that holds `expected_value` (or is absent and that is empty); its value."""
        return self._store.compare_set(self._key(key), expected_value, desired_value)

    def append(self, key: str, value: _Value) -> None:
        """Appends to a value."""
        self._store.append(self._key(key), value)

    def check(self, keys: Sequence[str]) -> bool:
        """Whether all keys are there."""
        return self._store.check([self._key(key) for key in keys])

    def delete_key(self, key: str) -> bool:
        """Removes a key; whether it was there."""
        return self._store.delete_key(self._key(key))

    def num_keys(self) -> int:
        """How many keys the other store has, as in PyTorch."""
        return self._store.num_keys()

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        """Blocks until all keys are there."""
        self._store.wait([self._key(key) for key in keys], timeout)

    def _local_host(self) -> str:
        return self._store._local_host()
