"""Groups across two hosts: links that are slow, and links that vanish without a word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hosts import KEY, Hosts
from ranks import Ranks

MEET = """
form(init_method=os.environ["URL"], seconds=60)
x = torch.ones(SIZE)
dist.all_reduce(x)
say("ready", x[-1].item())
try:
    while True:
        dist.all_reduce(x, dist.ReduceOp.MAX)
except dist.PeerLostError as error:
    say(error.rank, error.host, time.monotonic())
    say(str(error).replace(chr(10), " | "))
"""


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with Hosts() as hosts:
        yield hosts


def together(hosts: Hosts, program: str, **environment: str) -> Ranks:
    """Ranks 0 and 1 on host 0, rank 2 on host 1."""
    prefixes = [hosts.prefix(host) for host in (0, 0, 1)]
    url = f"tcp://{hosts.addresses[0]}:29511"
    return Ranks(3, program, prefixes, URL=url, PYRITE_GROUP_KEY=KEY, **environment)


@pytest.mark.parametrize("size", [1, 300_000])
def test_a_rank_killed_on_another_host(hosts: Hosts, size: int) -> None:
    with together(hosts, f"SIZE = {size}\n" + MEET) as ranks:
        ranks.wait_for("ready 3.0", [0, 1, 2])
        time.sleep(0.1)
        killed = time.monotonic()
        ranks.processes[2].send_signal(signal.SIGKILL)
        for output in ranks.finish([0, 1], 20):
            rank, host, caught = output.splitlines()[0].split()
            assert (rank, host) == ("2", hosts.names[1])
            assert float(caught) - killed < 2


@pytest.mark.parametrize(("size", "heartbeat"), [(1, 10), (300_000, 3)])
def test_a_link_that_is_cut_silently(hosts: Hosts, size: int, heartbeat: int) -> None:
    program = f"SIZE = {size}\n" + MEET
    with together(hosts, program, PYRITE_HEARTBEAT_TIMEOUT=str(heartbeat)) as ranks:
        ranks.wait_for("ready 3.0", [0, 1, 2])
        time.sleep(0.1)
        cut = time.monotonic()
        hosts.cut()
        near, beside, far = ranks.finish([0, 1, 2], heartbeat + 20)
        for output in (near, beside):
            assert output.split()[:2] == ["2", hosts.names[1]], output
        assert far.split()[:2][1] == hosts.names[0], far
        for output in (near, beside, far):
            assert float(output.split()[2]) - cut < heartbeat + 1, output


def test_a_slow_link_is_not_a_lost_one(hosts: Hosts) -> None:
    hosts.slow("20mbit")
    program = """
form(init_method=os.environ["URL"], seconds=60)
start = time.monotonic()
x = torch.full((2_000_000,), float(rank))
dist.all_reduce(x)
say(x[0].item(), x[-1].item(), time.monotonic() - start > 3)
"""
    with together(hosts, program, PYRITE_HEARTBEAT_TIMEOUT="2") as ranks:
        assert ranks.finish([0, 1, 2], 60) == ["3.0 3.0 True\n"] * 3


def test_readme_takes_a_script_to_two_machines(hosts: Hosts, tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    lines = [line for line in readme.splitlines() if line.startswith("pyrite launch --nnodes 2")]
    assert len(lines) == 2
    (tmp_path / "train.py").write_text(
        "import torch.distributed as dist, torch\n"
        "dist.init_process_group('gloo')\n"
        "x = torch.ones(1)\n"
        "dist.all_reduce(x)\n"
        "open(f'{dist.get_rank()}.{int(x)}', 'w')\n"
    )
    launchers = []
    for host, line in enumerate(lines):
        words = line.partition("#")[0].replace("10.0.0.1", hosts.addresses[0]).split()
        command = [*hosts.prefix(host), sys.executable, "-m", *words]
        environment = {**os.environ, "PYRITE_GROUP_KEY": KEY, "OMP_NUM_THREADS": "1"}
        launchers.append(subprocess.Popen(command, cwd=tmp_path, env=environment))
    assert [launcher.wait(timeout=60) for launcher in launchers] == [0, 0]
    assert sorted(path.name for path in tmp_path.glob("?.4")) == ["0.4", "1.4", "2.4", "3.4"]


def test_a_group_across_hosts_has_a_key_of_its_own(hosts: Hosts) -> None:
    program = """
try:
    form(init_method=os.environ["URL"], seconds=5)
except dist.DistNetworkError as error:
    say("PYRITE_GROUP_KEY" in str(error))
"""
    url = f"tcp://{hosts.addresses[0]}:29511"
    with Ranks(2, program, [hosts.prefix(0), hosts.prefix(1)], URL=url) as ranks:
        assert ranks.finish([1], 20) == ["True\n"]
