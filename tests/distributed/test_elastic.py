"""Hosts that come and go: `--nnodes MIN:MAX`, and restarts over static nodes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from pyrite.distributed.launcher.agent import free_port

# Says who is there, then computes with the others until a file says stop.
WORK = """
import os, time
import torch
import torch.distributed as dist

dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
open(f"{world}.{rank}", "w").close()
while True:
    stop = torch.tensor([float(os.path.exists("stop"))])
    dist.all_reduce(stop, dist.ReduceOp.MAX)
    if stop.item():
        break
    time.sleep(0.02)
dist.destroy_process_group()
"""


def launch(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pyrite", "launch", *arguments],
        cwd=folder,
        env={**os.environ, "PYRITE_GROUP_KEY": "0123456789abcdef", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition: Callable[[], object], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def listens(port: int) -> bool:
    with socket.socket() as guest:
        return guest.connect_ex(("127.0.0.1", port)) == 0


def test_hosts_come_and_go(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(textwrap.dedent(WORK))

    def here(world: int) -> bool:
        return all((tmp_path / f"{world}.{rank}").exists() for rank in range(world))

    port = free_port("127.0.0.1")
    options = ["--nnodes=2:3", "--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}"]
    options += ["--rdzv-conf=last_call_timeout=0.4", "--max-restarts=1", "work.py"]
    nodes = [launch(tmp_path, *options)]
    try:
        wait_for(lambda: listens(port))  # it serves the store: the others may go
        nodes.append(launch(tmp_path, *options))
        wait_for(lambda: here(2))
        nodes.append(launch(tmp_path, *options))
        wait_for(lambda: here(3))
        for rank in range(2):
            (tmp_path / f"2.{rank}").unlink()
        nodes[1].send_signal(signal.SIGKILL)
        wait_for(lambda: here(2))
        (tmp_path / "stop").touch()
        errors = [nodes[place].communicate(timeout=30)[1] for place in (0, 2)]
        assert [nodes[0].returncode, nodes[2].returncode] == [0, 0], errors
        assert "another host has come: starting all ranks again with it" in errors[0]
        assert "restarting all ranks (1 of 1)" in errors[0], errors
    finally:
        for node in nodes:
            node.kill()
            node.communicate()


def test_too_few_hosts_are_an_error(tmp_path: Path) -> None:
    endpoint = f"127.0.0.1:{free_port('127.0.0.1')}"
    node = launch(
        tmp_path,
        *("--nnodes=2:3", "--rdzv-backend=c10d", f"--rdzv-endpoint={endpoint}"),
        *("--rdzv-conf=join_timeout=0.4", "work.py"),
    )
    error = node.communicate(timeout=30)[1]
    assert node.returncode == 1 and "1 hosts came in time, 2 are needed" in error


def test_static_nodes_restart_together(tmp_path: Path) -> None:
    program = """
import os, sys, time
import torch
import torch.distributed as dist

dist.init_process_group("gloo")
attempt, rank = os.environ["TORCHELASTIC_RESTART_COUNT"], dist.get_rank()
total = torch.ones(1)
for step in range(20):
    dist.all_reduce(total.fill_(1.0))
    if attempt == "0" and rank == int(sys.argv[1]) and step == 10:
        sys.exit(5)
open(f"{attempt}.{rank}.{int(total.item())}", "w").close()
"""
    (tmp_path / "program.py").write_text(program)
    for loser in ("0", "1"):
        options = ["--nnodes=2", "--master-addr=127.0.0.1", "--max-restarts=1"]
        options.append(f"--master-port={free_port('127.0.0.1')}")
        nodes = [
            launch(tmp_path, *options, f"--node-rank={rank}", "program.py", loser)
            for rank in range(2)
        ]
        errors = [node.communicate(timeout=60)[1] for node in nodes]
        assert [node.returncode for node in nodes] == [0, 0], errors
        assert sorted(path.name for path in tmp_path.glob("*.2")) == ["1.0.2", "1.1.2"]
        for path in tmp_path.glob("*.2"):
            path.unlink()
