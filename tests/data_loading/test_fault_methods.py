"""Faults of workers under every way to start them: reported, and nothing left behind.

The program is a file of its own, for spawned workers import the main module.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PROGRAM = """
    import os, signal, sys, time
    import pyrite
    from pyrite.utils import data

    class Rows(data.Dataset):
        def __init__(self, fault):
            self.fault = fault
            if fault == "unpicklable":
                self.work = lambda: None
            else:
                self.work = getattr(self, fault)
        def __len__(self):
            return 3
        def __getitem__(self, index):
            if index == 1:
                self.work()
            size = 1 << 22 if self.fault == "huge" else 3
            return pyrite.full((size,), float(index))
        def huge(self):
            pass
        def raises(self):
            raise ValueError("bad sample")
        def dies(self):
            os.kill(os.getpid(), signal.SIGKILL)
        def hangs(self):
            time.sleep(1000)

    def load(method, fault, timeout):
        return data.DataLoader(
            Rows(fault), num_workers=1, timeout=timeout, multiprocessing_context=method
        )

    def report(method):
        for fault in ("huge", "raises", "dies", "hangs", "unpicklable"):
            try:
                loader = load(method, fault, 2 if fault == "hangs" else 60)
                print(fault, sum(batch.sum().item() for batch in loader))
            except Exception as error:
                kind = "RuntimeError" if isinstance(error, RuntimeError) else type(error).__name__
                print(fault, kind, str(error).splitlines()[0])

    def wait(method):
        iterator = iter(load(method, "hangs", 0))
        pids = [member.process.pid for member in iterator._pool._members.values()]
        next(iterator)
        print(*pids, flush=True)
        next(iterator)

    if __name__ == "__main__":
        signal.signal(signal.SIGINT, signal.default_int_handler)
        {"report": report, "wait": wait}[sys.argv[1]](sys.argv[2])
"""

METHODS = ["fork", "spawn", "forkserver"]


def start(folder: Path, work: str, method: str) -> subprocess.Popen[str]:
    """The program in a session of its own."""
    path = folder / "program.py"
    path.write_text(textwrap.dedent(PROGRAM))
    pipe = subprocess.PIPE
    command = [sys.executable, str(path), work, method]
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def session_members(leader: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def all_gone(leader: int) -> bool:
    """Whether the whole session ends soon."""
    limit = time.monotonic() + 10
    while session_members(leader) and time.monotonic() < limit:
        time.sleep(0.05)
    return not session_members(leader)


@pytest.mark.parametrize("method", METHODS)
def test_faults_are_reported(method: str, tmp_path: Path) -> None:
    program = start(tmp_path, "report", method)
    output, errors = program.communicate(timeout=100)
    told = dict(line.split(" ", 1) for line in output.splitlines())
    assert told["huge"] == str(3.0 * (1 << 22)), errors
    assert told["raises"] == "ValueError Caught ValueError in DataLoader worker process 0."
    assert told["dies"].startswith("RuntimeError DataLoader worker (pid(s) ")
    assert told["hangs"].startswith("RuntimeError DataLoader timed out after 2 seconds")
    if method == "fork":
        assert told["unpicklable"] == "9.0"
    else:
        assert "pickle" in told["unpicklable"]
    assert all_gone(program.pid)


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c_ends_workers_however_started(method: str, tmp_path: Path) -> None:
    program = start(tmp_path, "wait", method)
    assert program.stdout is not None
    assert len(program.stdout.readline().split()) == 1
    os.killpg(program.pid, signal.SIGINT)
    _, errors = program.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert all_gone(program.pid)
