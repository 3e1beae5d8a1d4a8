"""Strangers: wrong keys, garbage and half-open connections never disturb a group."""

from __future__ import annotations

import re
import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest

import pyrite.distributed as dist
from ranks import Ranks


@pytest.fixture(autouse=True)
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PYRITE_GROUP_KEY", "correct horse battery staple")


def test_a_wrong_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    store = dist.TCPStore("127.0.0.1", 0, is_master=True)
    monkeypatch.setenv("PYRITE_GROUP_KEY", "another horse battery staple")
    with pytest.raises(dist.DistNetworkError, match=r"did not prove .*\n.*PYRITE_GROUP_KEY"):
        dist.TCPStore("127.0.0.1", store.port, timeout=timedelta(seconds=5))
    store.set("still", "here")


def test_a_short_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYRITE_GROUP_KEY", "short")
    with pytest.raises(ValueError, match="at least 16 characters"):
        dist.TCPStore("127.0.0.1", 0, is_master=True)


def strangers(port: int) -> list[socket.socket]:
    """Every kind of bad guest, some of which stay."""
    words = [b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100000, b"PYRITE\0\x01" + b"\0" * 40]
    words.append(b"PYRITE\0\x01" + b"\0" * 80 + b"x" * 64)
    guests = []
    for word in words * 4:
        guest = socket.create_connection(("127.0.0.1", port))
        try:
            guest.sendall(word)
        except OSError:
            pass  # shown the door already
        guests.append(guest)
    for guest in guests[::2]:
        guest.close()
    return guests


def test_a_store_serves_its_members_among_strangers() -> None:
    store = dist.TCPStore("127.0.0.1", 0, is_master=True)
    guests = strangers(store.port)
    member = dist.TCPStore("127.0.0.1", store.port, timeout=timedelta(seconds=10))
    member.set("k", "v")
    assert store.get("k") == b"v"
    # Silent guests are shown the door, so that they cannot fill the house.
    assert store._server is not None
    end = time.monotonic() + 10
    while store._server.refused < 20 and time.monotonic() < end:
        time.sleep(0.05)
        member.set("k", "w")
    assert store._server.refused >= 20
    for guest in guests:
        guest.close()


def test_a_crowd_of_silent_guests_only_delays_a_member() -> None:
    store = dist.TCPStore("127.0.0.1", 0, is_master=True)
    guests = [socket.create_connection(("127.0.0.1", store.port)) for _ in range(100)]
    dist.TCPStore("127.0.0.1", store.port, timeout=timedelta(seconds=20)).set("k", "v")
    for guest in guests:
        guest.close()


def listening_ports(pid: int) -> list[int]:
    """Ports on which a process listens (Linux)."""
    links = [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()]
    sockets = {str(link)[8:-1] for link in links if str(link).startswith("socket:")}
    ports = []
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in sockets:
            address, port = fields[1].split(":")
            assert address == "0100007F", "listens beyond the loopback address"
            ports.append(int(port, 16))
    return ports


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads /proc/net/tcp")
def test_a_running_group_has_no_door_but_the_store(tmp_path: Path) -> None:
    program = """
form(init_method="tcp://127.0.0.1:" + os.environ["PORT"])
say("ready")
while not os.path.exists(os.environ["GUESTS"]):
    time.sleep(0.02)
x = torch.ones(1)
dist.all_reduce(x)
say(x.item())
"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    come = tmp_path / "guests"
    with Ranks(2, program, PORT=str(port), GUESTS=str(come)) as ranks:
        ranks.wait_for("ready", [0, 1])
        assert listening_ports(ranks.processes[0].pid) == [port]
        assert listening_ports(ranks.processes[1].pid) == []
        guests = strangers(port)
        come.touch()
        assert ranks.finish([0, 1]) == ["2.0\n", "2.0\n"]
        for guest in guests:
            guest.close()


def test_a_group_across_hosts_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyrite.distributed.formation import _check_hosts

    monkeypatch.delenv("PYRITE_GROUP_KEY")
    with pytest.raises(dist.DistNetworkError, match=re.escape("several hosts (a, b)")):
        _check_hosts(["10.0.0.1:5", "10.0.0.2:5"], ["a", "b"])
    monkeypatch.setenv("PYRITE_GROUP_KEY", "correct horse battery staple")
    _check_hosts(["10.0.0.1:5", "10.0.0.2:5"], ["a", "b"])
    with pytest.raises(dist.DistNetworkError, match="PYRITE_BIND_ADDRESS"):
        _check_hosts(["127.0.0.1:5", "10.0.0.2:5"], ["a", "b"])
