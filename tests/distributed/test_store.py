"""Stores and where ranks meet: `TCPStore`, `FileStore`, `HashStore`, `PrefixStore`, addresses."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import pyrite.distributed as dist
from ranks import Ranks, run

SHORT = timedelta(milliseconds=200)


@pytest.fixture(autouse=True)
def key_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key file of these tests."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture(params=["tcp", "file", "hash", "prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dist.Store]:
    """Each kind of store."""
    if request.param == "tcp":
        yield dist.TCPStore("127.0.0.1", 0, is_master=True)
    elif request.param == "file":
        yield dist.FileStore(str(tmp_path / "store"))
    elif request.param == "hash":
        yield dist.HashStore()
    else:
        yield dist.PrefixStore("part", dist.HashStore())


def test_values(store: dist.Store) -> None:
    store.set("a", "text")
    store.set("b", b"\x00\xff")
    assert store.get("a") == b"text" and store.get("b") == b"\x00\xff"
    store.append("a", "!")
    assert store.multi_get(["a", "b"]) == [b"text!", b"\x00\xff"]
    assert store.check(["a", "b"]) and not store.check(["a", "c"])
    assert store.num_keys() == 2
    assert store.delete_key("a") and not store.delete_key("a")
    assert not store.check(["a"])


def test_counters(store: dist.Store) -> None:
    assert [store.add("n", amount) for amount in (1, 5, -2)] == [1, 6, 4]
    assert store.get("n") == b"4"


def test_compare_set(store: dist.Store) -> None:
    assert store.compare_set("k", "old", "new") == b"old" and not store.check(["k"])
    assert store.compare_set("k", "", "first") == b"first"
    assert store.compare_set("k", "other", "second") == b"first"
    assert store.compare_set("k", "first", "second") == b"second"


def test_waiting(store: dist.Store) -> None:
    store.set_timeout(SHORT)
    with pytest.raises(dist.DistStoreError, match=r"wait timeout after 200ms, keys: .*missing"):
        store.get("missing")
    # The store goes on after a timeout.
    store.set_timeout(timedelta(seconds=10))
    threading.Timer(0.2, lambda: store.set("late", b"1")).start()
    start = time.monotonic()
    store.wait(["late"])
    assert 0.1 < time.monotonic() - start < 5
    assert store.get("late") == b"1"


def test_a_port_in_use_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(dist.DistNetworkError, match=r"failed to listen .*EADDRINUSE"):
            dist.TCPStore("127.0.0.1", port, is_master=True)


def test_a_server_of_this_process_can_be_shared() -> None:
    first = dist.TCPStore("127.0.0.1", 0, is_master=True)
    second = dist.TCPStore("127.0.0.1", first.port, is_master=True, multi_tenant=True)
    first.set("k", "v")
    assert second.get("k") == b"v"


def test_a_port_is_free_when_its_store_is_gone() -> None:
    for _ in range(3):
        store = dist.TCPStore("127.0.0.1", 0, is_master=True)
        port = store.port
        del store
        dist.TCPStore("127.0.0.1", port, is_master=True).set("k", "v")


def test_a_master_that_never_comes_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(dist.DistNetworkError, match="client socket has timed out after"):
        dist.TCPStore("127.0.0.1", port, timeout=SHORT)
    assert time.monotonic() - start < 5


def test_workers_that_never_come() -> None:
    with pytest.raises(dist.DistStoreError, match="1/2 clients joined"):
        dist.TCPStore("127.0.0.1", 0, 2, is_master=True, timeout=SHORT)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("tcp://127.0.0.1", "port number missing"),
        ("tcp://127.0.0.1:29500?rank=0", "world size parameter missing"),
        ("file:///x?world_size=1", "rank parameter missing"),
        ("env://?rank=0&world_size=1", "environment variable MASTER_ADDR expected, but not set"),
    ],
)
def test_incomplete_addresses(url: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(ValueError, match=text):
        dist.init_process_group(init_method=url)
    assert not dist.is_initialized()


def test_an_address_without_handler() -> None:
    with pytest.raises(RuntimeError, match="No rendezvous handler for smoke://"):
        dist.init_process_group(init_method="smoke://hill", rank=0, world_size=1)


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


@pytest.mark.parametrize("method", ["env://", "tcp"])
def test_ranks_meet_by_tcp_again_and_again(method: str) -> None:
    port = free_port()
    url = "env://" if method == "env://" else f"tcp://127.0.0.1:{port}"
    program = f"""
for turn in range(3):
    form(init_method={url!r})
    x = torch.tensor([float(rank + turn)])
    dist.all_reduce(x)
    say(x.item())
    if rank == 0:
        time.sleep(0.3)
    dist.destroy_process_group()
"""
    outputs = run(2, program, MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    assert outputs == ["1.0\n3.0\n5.0\n"] * 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_does_not_keep_the_store_alive() -> None:
    # As workers of a DataLoader do that outlive a killed rank 0 for a while.
    program = """
rank_1 = os.environ["MEETING"] + ".done"
url = ("127.0.0.1", int(os.environ["MASTER_PORT"]), 2)
store = dist.TCPStore(*url, rank == 0, timedelta(seconds=60))
if rank == 0:
    child = os.fork()
    if child == 0:
        say("child", store.add("asked by the child", 1))
        outlive(rank_1)
    store.wait(["asked by the child", "asked by rank 1"])
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGKILL)
store.add("asked by rank 1", 1)
start = time.monotonic()
try:
    store.get("never")
except dist.DistNetworkError:
    say(time.monotonic() - start < 3)
end = time.monotonic() + 5
while True:  # a killed process closes its connections and its port one after another
    try:
        dist.TCPStore(*url[:2], is_master=True)
        break
    except dist.DistNetworkError:
        if time.monotonic() > end:
            raise
        time.sleep(0.05)
say("the port is free")
open(rank_1, "w").close()
"""
    with Ranks(2, program, MASTER_ADDR="127.0.0.1", MASTER_PORT=free_port()) as ranks:
        assert ranks.finish([1], 20) == ["True\nthe port is free\n"]
        assert ranks.finish([0], 20) == ["child 1\n"]


def test_the_environment_alone_is_enough() -> None:
    program = """
dist.init_process_group("nccl")
x = torch.ones(1)
dist.all_reduce(x)
say(x.item(), dist.get_backend())
"""
    outputs = run(2, program, MASTER_ADDR="localhost", MASTER_PORT=free_port())
    assert outputs == ["2.0 nccl\n"] * 2


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")
def test_the_key_file_is_private(tmp_path: Path) -> None:
    dist.TCPStore("127.0.0.1", 0, is_master=True)
    assert (tmp_path / "pyrite" / "group.key").stat().st_mode & 0o777 == 0o600
