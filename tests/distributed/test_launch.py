"""The launcher: what ranks are told, and how a job ends. Ranks are light scripts."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from pyrite.cli.options import UsageError
from pyrite.distributed.elastic.multiprocessing.errors import Report
from pyrite.distributed.launcher import options, ranks
from pyrite.distributed.launcher.agent import first_failure, free_port


def start(folder: Path, arguments: Sequence[str]) -> subprocess.Popen[str]:
    environ = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    command = [sys.executable, "-m", "pyrite", "launch", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, stdout=pipe, stderr=pipe, text=True, env=environ, process_group=0
    )


def launch(folder: Path, *arguments: str) -> tuple[int, str, str]:
    with start(folder, arguments) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def script(folder: Path, text: str, name: str = "job.py") -> str:
    (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")
    return name


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for(condition: object, seconds: float = 20.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_every_rank_gets_its_variables(tmp_path: Path) -> None:
    name = script(
        tmp_path,
        """\
        import json, os, sys, torch
        assert "pyrite" in torch.__version__
        with open(os.environ["RANK"], "w") as file:
            json.dump({"argv": sys.argv, "threads": torch.get_num_threads(), **os.environ}, file)
        """,
    )
    status, _, error = launch(tmp_path, "--nproc_per_node=2", name, "--lr", "3")
    assert status == 0, error
    told = [json.loads((tmp_path / str(rank)).read_text()) for rank in range(2)]
    for rank, variables in enumerate(told):
        assert variables["argv"] == ["job.py", "--lr", "3"]
        assert variables["RANK"] == variables["LOCAL_RANK"] == variables["ROLE_RANK"] == str(rank)
        assert variables["WORLD_SIZE"] == variables["LOCAL_WORLD_SIZE"] == "2"
        assert variables["GROUP_RANK"] == variables["TORCHELASTIC_RESTART_COUNT"] == "0"
        assert variables["MASTER_ADDR"] == "127.0.0.1" and int(variables["MASTER_PORT"]) > 0
        threads = max(1, len(os.sched_getaffinity(0)) // 2)
        assert variables["OMP_NUM_THREADS"] == str(threads) and variables["threads"] == threads
    for same in ("MASTER_PORT", "TORCHELASTIC_RUN_ID", "PYRITE_GROUP_KEY"):
        assert told[0][same] == told[1][same] and len(told[0][same]) > 3


def test_failing_rank_ends_the_others_and_its_traceback_comes_last(tmp_path: Path) -> None:
    name = script(
        tmp_path,
        """\
        import os, signal, sys, time
        if os.environ["RANK"] == "1":
            while not os.path.exists("pid"):
                time.sleep(0.01)
            raise ValueError("boom")
        signal.signal(signal.SIGTERM, lambda *_: print("no", file=sys.stderr, flush=True))
        with open("writing", "w") as file:
            file.write(str(os.getpid()))
        os.rename("writing", "pid")
        while True:
            time.sleep(60)
        """,
    )
    begin = time.monotonic()
    status, _, error = launch(tmp_path, "--nproc-per-node", "2", "--shutdown-timeout", "0.5", name)
    assert status == 1 and time.monotonic() - begin < 15
    assert not alive(int((tmp_path / "pid").read_text()))
    report = error.partition("pyrite launch: ")[2].splitlines()
    assert report[0].startswith("rank 1 failed with exit code 1 (pid ")
    assert report[1] == "Traceback (most recent call last):" and report[-1] == "ValueError: boom"
    assert "no" in error.splitlines()


def test_killed_launcher_leaves_no_process(tmp_path: Path) -> None:
    name = script(
        tmp_path,
        """\
        import os, subprocess, sys, time
        child = subprocess.Popen(["sleep", "60"])
        with open("writing" + os.environ["RANK"], "w") as file:
            file.write(f"{os.getpid()} {child.pid}")
        os.rename("writing" + os.environ["RANK"], "pids" + os.environ["RANK"])
        time.sleep(60)
        """,
    )
    launcher = start(tmp_path, ["--nproc-per-node", "2", name])
    wait_for(lambda: len(list(tmp_path.glob("pids*"))) == 2)
    pids = [int(pid) for path in tmp_path.glob("pids*") for pid in path.read_text().split()]
    assert all(alive(pid) for pid in pids)
    launcher.kill()
    launcher.communicate()
    wait_for(lambda: not any(alive(pid) for pid in pids), seconds=5)


def test_restart_runs_all_ranks_again(tmp_path: Path) -> None:
    name = script(
        tmp_path,
        """\
        import os, sys, time
        attempt, rank = os.environ["TORCHELASTIC_RESTART_COUNT"], os.environ["RANK"]
        open(f"{attempt}.{rank}", "w").close()
        while not os.path.exists(f"{attempt}.{1 - int(rank)}"):
            time.sleep(0.01)
        if attempt == "0":
            sys.exit(7) if rank == "0" else time.sleep(60)
        """,
    )
    status, _, error = launch(tmp_path, "--nproc-per-node", "2", "--max-restarts", "2", name)
    assert status == 0, error
    assert sorted(path.name for path in tmp_path.glob("?.?")) == ["0.0", "0.1", "1.0", "1.1"]
    assert "rank 0 failed with exit code 7" in error and "restarting all ranks (1 of 2)" in error


def test_interrupt_reaches_the_ranks(tmp_path: Path) -> None:
    name = script(
        tmp_path,
        """\
        import os, time
        try:
            open("ready" + os.environ["RANK"], "w").close()
            time.sleep(60)
        except KeyboardInterrupt:
            open("interrupted" + os.environ["RANK"], "w").close()
        """,
    )
    launcher = start(tmp_path, ["--nproc-per-node", "2", name])
    wait_for(lambda: len(list(tmp_path.glob("ready*"))) == 2)
    launcher.send_signal(signal.SIGINT)
    _, error = launcher.communicate(timeout=10)
    assert launcher.returncode == 1 and "SIGINT received" in error
    assert len(list(tmp_path.glob("interrupted*"))) == 2


def test_output_goes_where_it_is_asked_to(tmp_path: Path) -> None:
    name = script(
        tmp_path,
        """\
        import os, sys
        print("out", os.environ["RANK"])
        print("err", os.environ["RANK"], file=sys.stderr)
        """,
    )
    status, out, error = launch(
        tmp_path, "--nproc-per-node=2", "--log-dir=logs", "-t", "0:1", "-r", "1:3", name
    )
    assert (status, out, error.strip()) == (0, "[default0]:out 0\n", "err 0")
    (attempt,) = tmp_path.glob("logs/*/attempt_0")
    assert (attempt / "0/stdout.log").read_text() == "out 0\n"
    assert (attempt / "1/stdout.log").read_text() == "out 1\n"
    assert (attempt / "1/stderr.log").read_text() == "err 1\n"


def test_module_and_command_and_the_module_that_launches(tmp_path: Path) -> None:
    script(tmp_path, "import os, torch\nprint('module', os.environ['RANK'])", "package.py")
    assert launch(tmp_path, "-m", "package")[1] == "module 0\n"
    command = [sys.executable, "-m", "pyrite.distributed.run", "--no-python", "sh", "-c"]
    result = subprocess.run([*command, "exit 4"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and "failed with exit code 4" in result.stderr


def test_launchers_of_two_nodes_meet_and_fail_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYRITE_GROUP_KEY", "0123456789abcdef")
    name = script(
        tmp_path,
        """\
        import os, sys, time
        told = " ".join(os.environ[name] for name in ("WORLD_SIZE", "MASTER_PORT"))
        attempt, rank = os.environ["TORCHELASTIC_RESTART_COUNT"], os.environ["RANK"]
        with open(f"{attempt}.{rank}", "w") as file:
            file.write(told)
        while not os.path.exists(f"{attempt}.{1 - int(rank)}"):
            time.sleep(0.01)
        if attempt == "0":
            sys.exit(3) if rank == "1" else time.sleep(60)
        """,
    )
    endpoint = f"127.0.0.1:{free_port('127.0.0.1')}"
    options = ["--nnodes=2", "--rdzv-backend=c10d", f"--rdzv-endpoint={endpoint}", "--rdzv-id=x"]
    nodes = [start(tmp_path, [*options, "--max-restarts=1", name]) for _ in range(2)]
    errors = [node.communicate(timeout=60)[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], errors
    assert sorted(path.name for path in tmp_path.glob("?.?")) == ["0.0", "0.1", "1.0", "1.1"]
    assert (tmp_path / "1.0").read_text() == (tmp_path / "1.1").read_text()
    assert (tmp_path / "1.0").read_text().startswith("2 ")
    assert any("a rank failed on another host" in error for error in errors)
    assert any("rank 1 failed with exit code 3" in error for error in errors)


def ended(rank: int, seen: float, report: Report | None) -> ranks.Ended:
    return ranks.Ended(rank, 100 + rank, 1, seen, report)


def test_blame_falls_on_the_cause() -> None:
    lost = [ended(rank, 10.0, Report("PeerLostError", "", 8.0)) for rank in (0, 2)]
    killed = ended(1, 10.0, None)
    assert first_failure([*lost, killed]).rank == 1
    early, late = (
        ended(rank, 10.0, Report("ValueError", "", at)) for rank, at in ((4, 7.0), (3, 9.0))
    )
    assert first_failure([late, early, killed]).rank == 4


def read(*arguments: str) -> options.Job:
    parser = argparse.ArgumentParser()
    options.add_arguments(parser)
    return options.job(parser.parse_args([*arguments, "job.py"]))


def test_options_and_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYRITE_GROUP_KEY", raising=False)
    job = read()
    assert (job.nproc, job.nnodes, job.master_addr, job.master_port) == (1, 1, "127.0.0.1", 0)
    assert read().key != job.key and len(job.key) == 64
    assert read("--devices", "cpu:3").nproc == 3
    assert read("--devices", "cpu:3", "--nproc-per-node", "2").nproc == 2
    assert read("--nproc_per_node", "cpu").nproc == len(os.sched_getaffinity(0))
    monkeypatch.setenv("PYRITE_GROUP_KEY", "secret")
    monkeypatch.setenv("PET_NODE_RANK", "1")
    job = read("--nnodes=2", "--rdzv-endpoint=host:1234", "--rdzv_id", "x", "--nproc-per-node=2")
    assert (job.node_rank, job.master_addr, job.master_port) == (1, "host", 1234)
    assert (job.run_id, job.key) == ("x", "secret")
    told = ranks.environment(job, (1, 1234), 3, {"PATH": "p", "OMP_NUM_THREADS": "5"})
    assert (told["RANK"], told["WORLD_SIZE"], told["GROUP_RANK"]) == ("3", "4", "1")
    assert (told["OMP_NUM_THREADS"], told["PATH"], told["MASTER_PORT"]) == ("5", "p", "1234")
    assert read("--nnodes=2", "--master-addr=h").master_port == 29500
    job = read("--nnodes=2:5", "--rdzv-backend=c10d", "--rdzv-conf=last_call_timeout=7")
    assert (job.least, job.nnodes, job.last_call, job.join_timeout) == (2, 5, 7.0, 600.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nproc-per-node", "0"], "--nproc-per-node 0: expected a number, gpu, auto or cpu"),
        (["--nnodes", "1:4"], "a varying number needs --rdzv-backend c10d"),
        (["--nnodes", "4:1"], "expected a number of hosts, or MIN:MAX"),
        (["--rdzv-conf", "timeout=3"], "expected last_call_timeout or join_timeout"),
        (["--nnodes", "2"], "set PYRITE_GROUP_KEY to the same value on each"),
        (["--node-rank", "1"], "--node-rank 1 is not below --nnodes 1"),
        (["--rdzv-backend", "etcd"], "expected static or c10d"),
        (["--rdzv-endpoint", "host:x"], "expected HOST:PORT"),
        (["--no-python", "-m"], "contradict each other"),
        (["--no-python"], "no such command: job.py"),
        (["--signals-to-handle", "SIGNOT"], "no signal is called 'SIGNOT'"),
    ],
)
def test_wrong_use(arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYRITE_GROUP_KEY", raising=False)
    with pytest.raises(UsageError, match=message):
        read(*arguments)
