"""`pyrite.multiprocessing`: tensors between processes, and processes that fail together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

import pyrite as torch
import pyrite.multiprocessing as mp


def double(index: int, queue: Any, results: Any) -> None:
    tensor = queue.get()
    tensor.mul_(2)
    results.put((index, tensor))
    queue.get()  # until the parent has looked


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_queue_shares_the_memory_of_a_tensor(method: str) -> None:
    context = mp.get_context(method)
    queue, results = context.Queue(), context.Queue()
    process = context.Process(target=double, args=(0, queue, results))
    process.start()
    queue.put(torch.arange(6, dtype=torch.float64).reshape(2, 3).t())
    _, received = results.get(timeout=30)
    assert received.tolist() == [[0, 6], [2, 8], [4, 10]] and received.stride() == (1, 3)
    queue.put(None)
    process.join(30)
    assert process.exitcode == 0
    assert received.sum() == 30  # outlives the process that it came from


def test_what_was_received_is_passed_on_without_a_copy() -> None:
    left, right = mp.Pipe()
    left.send(torch.zeros(4))
    first = right.recv()
    left.send([first, first[1:3], first])
    again, part, _ = right.recv()
    again[1] = 5
    assert first.tolist() == [0, 5, 0, 0] and part.tolist() == [5, 0]


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(0, 3),
        torch.tensor(3.5),
        torch.arange(10, dtype=torch.int16)[::3],
        torch.tensor([1 + 2j, 3]).conj(),
        torch.ones(2, 1).expand(2, 3),
        torch.tensor([True, False]),
    ],
    ids=["empty", "scalar", "strided", "conjugate", "expanded", "bool"],
)
def test_pipe_carries_layouts_and_dtypes(value: Any) -> None:
    left, right = mp.Pipe()
    left.send(value)
    received = right.recv()
    assert received.dtype == value.dtype and received.shape == value.shape
    assert torch.equal(received, value)


def test_pipe_keeps_what_a_parameter_is() -> None:
    left, right = mp.Pipe()
    left.send(torch.nn.Linear(2, 3))
    layer = right.recv()
    assert isinstance(layer.weight, torch.nn.Parameter) and layer.weight.requires_grad
    leaf = torch.ones(2, requires_grad=True)
    left.send(leaf)
    assert right.recv().requires_grad
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor"):
        left.send(leaf * 2)


def test_shared_tensors_keep_their_memory() -> None:
    left, right = mp.Pipe()
    layer = torch.nn.Linear(2, 1)
    layer.share_memory()
    left.send(layer)
    with torch.no_grad():
        right.recv().weight.fill_(7.0)
    assert layer.weight.tolist() == [[7.0, 7.0]]


def receive(index: int, own: Any, shared: Any, results: Any) -> None:
    shared[0].add_(1)
    results.put((index, own.sum().item(), shared[1].sum().item()))


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_arguments_of_a_process_may_be_tensors(method: str) -> None:
    context = mp.get_context(method)
    shared = torch.zeros(3).share_memory_()
    results = context.SimpleQueue()
    arguments = (0, torch.ones(1000), (shared, shared[1:]), results)
    process = context.Process(target=receive, args=arguments)
    process.start()
    assert results.get() == (0, 1000.0, 2.0)
    process.join(30)
    assert shared.tolist() == [1, 1, 1]


def test_without_shared_memory_tensors_travel_as_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyrite.multiprocessing.reductions.Segment", full)
    left, right = mp.Pipe()
    left.send(torch.arange(5.0))
    assert right.recv().tolist() == [0, 1, 2, 3, 4]


def test_sharing_strategies() -> None:
    assert mp.get_all_sharing_strategies() == {"file_descriptor", "file_system"}
    assert mp.get_sharing_strategy() == "file_descriptor"
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy("file_descriptor")
    with pytest.raises(ValueError, match="sharing strategy must be one of"):
        mp.set_sharing_strategy("pigeons")


def write_rank(index: int, folder: str) -> None:
    (Path(folder) / str(index)).write_text("here")


def test_spawn_runs_every_rank(tmp_path: Path) -> None:
    assert mp.spawn(write_rank, args=(str(tmp_path),), nprocs=2) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]


def fail(index: int, how: str, folder: str) -> None:
    if index == 1:
        if how == "raise":
            raise ValueError("boom")
        if how == "exit":
            sys.exit(3)
        os.kill(os.getpid(), signal.SIGKILL)
    (Path(folder) / "pid").write_text(str(os.getpid()))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    time.sleep(60)


@pytest.mark.parametrize(
    ("how", "message", "exit_code"),
    [
        ("raise", "\n\n-- Process 1 terminated with the following error:\nTraceback", None),
        ("exit", "process 1 terminated with exit code 3", 3),
        ("kill", "process 1 terminated with signal SIGKILL", -9),
    ],
)
def test_a_failed_rank_ends_the_others(
    tmp_path: Path, how: str, message: str, exit_code: int | None
) -> None:
    begin = time.monotonic()
    with pytest.raises((mp.ProcessRaisedException, mp.ProcessExitedException)) as caught:
        mp.start_processes(fail, (how, str(tmp_path)), nprocs=2, start_method="fork")
    assert str(caught.value).startswith(message)
    assert caught.value.error_index == 1
    assert getattr(caught.value, "exit_code", None) == exit_code
    assert how != "raise" or str(caught.value).rstrip().endswith("ValueError: boom")
    assert time.monotonic() - begin < 10


def test_join_false_returns_the_processes(tmp_path: Path) -> None:
    started = mp.start_processes(
        write_rank, (str(tmp_path),), nprocs=2, join=False, start_method="fork"
    )
    assert isinstance(started, mp.SpawnContext) and len(started.pids()) == 2
    while not started.join(timeout=30):
        pass
    assert len(list(tmp_path.iterdir())) == 2


def test_spawn_at_a_prompt_says_so() -> None:
    program = textwrap.dedent("""\
        import pyrite.multiprocessing as mp
        def work(index): pass
        mp.spawn(work, nprocs=1)
        """)
    result = subprocess.run(
        [sys.executable], input=program, capture_output=True, text=True, timeout=60
    )
    assert "RuntimeError: spawn: new processes cannot import work" in result.stderr
    assert "notebook_launcher" in result.stderr


def test_spawned_processes_end_with_their_parent(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        textwrap.dedent("""\
        import os, sys, time
        import pyrite.multiprocessing as mp
        def work(index):
            print(os.getpid(), flush=True)
            time.sleep(60)
        if __name__ == "__main__":
            mp.start_processes(work, nprocs=1, start_method="fork")
        """)
    )
    parent = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    assert gone(child)


def gone(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True  # its new parent has not looked yet
        time.sleep(0.05)
    return False
