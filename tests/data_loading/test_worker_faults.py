"""What can go wrong with worker processes, and that nothing of them is left behind."""

import errno
import faulthandler
import gc
import os
import pathlib
import resource
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import pyrite
from pyrite.multiprocessing import _shm
from pyrite.utils import data
from pyrite.utils.data import iterators

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class Faulty(data.Dataset):
    """Calls a function at index 3."""

    def __init__(self, fault):
        self.fault = fault

    def __len__(self):
        return 8

    def __getitem__(self, index):
        if index == 3:
            self.fault()
        return index


class Strange(Exception):
    """Cannot be made from one message."""

    def __init__(self, first, second):
        super().__init__(first, second)


def fail_with(error):
    raise error


def run(fault, **options):
    """All batches of a faulty dataset up to the error."""
    loader = data.DataLoader(Faulty(fault), num_workers=2, timeout=30, **options)
    for batch in loader:
        assert batch.tolist() != [3]


@pytest.fixture
def within_a_second():
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 1.0


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ValueError("bad sample 17"), ValueError, "ValueError: bad sample 17"),
        (KeyError("missing"), KeyError, "KeyError: 'missing'"),
        (Strange(1, 2), RuntimeError, "Caught Strange in DataLoader worker process 1"),
    ],
)
def test_an_exception_brings_its_traceback(error, kind, text, within_a_second):
    with pytest.raises(kind) as caught:
        run(lambda: fail_with(error))
    message = str(caught.value)
    assert "in DataLoader worker process 1.\nOriginal Traceback (most recent call last):" in message
    assert "in __getitem__" in message
    assert text in message


def test_loading_goes_on_after_an_exception():
    loader = data.DataLoader(Faulty(lambda: fail_with(ValueError())), num_workers=2)
    iterator = iter(loader)
    seen = []
    while True:
        try:
            seen.append(next(iterator).item())
        except ValueError:
            seen.append("error")
        except StopIteration:
            break
    assert seen == [0, 1, 2, "error", 4, 5, 6, 7]


def test_a_batch_that_cannot_be_pickled():
    loader = data.DataLoader(range(2), num_workers=1, collate_fn=lambda batch: lambda: batch)
    with pytest.raises(Exception, match="in DataLoader worker process 0") as caught:
        next(iter(loader))
    assert "pickle" in str(caught.value)


def test_an_error_in_worker_init_fn():
    loader = data.DataLoader(
        range(2), num_workers=1, worker_init_fn=lambda worker: fail_with(ValueError("no init"))
    )
    with pytest.raises(ValueError, match="no init"):
        next(iter(loader))


@pytest.mark.parametrize(
    ("fault", "texts"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), ["was killed by SIGKILL"]),
        (lambda: sys.exit(5), ["ended with exit code 5", "in __getitem__", "SystemExit: 5"]),
        (lambda: os._exit(6), ["ended with exit code 6"]),
        (faulthandler._sigsegv, ["was killed by SIGSEGV", "Segmentation fault", "__getitem__"]),
    ],
    ids=["kill", "exit", "_exit", "segfault"],
)
def test_a_dead_worker_is_reported(fault, texts, within_a_second):
    with pytest.raises(RuntimeError, match=r"^DataLoader worker \(pid\(s\) \d+\)") as caught:
        run(fault)
    for text in ["exited unexpectedly", "worker 1", *texts]:
        assert text in str(caught.value)


def test_a_worker_killed_from_outside_is_noticed_while_waiting():
    loader = data.DataLoader(Faulty(lambda: time.sleep(60)), num_workers=2)
    iterator = iter(loader)
    for _ in range(3):
        next(iterator)
    victim = iterator._pool._members[1].process.pid
    waker = subprocess.Popen([sys.executable, "-S", "-c", kill_after(0.3, victim)])
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="SIGKILL"):
        next(iterator)
    assert time.monotonic() - start < 1.3
    waker.wait()


def kill_after(seconds, pid):
    return f"import os, time; time.sleep({seconds}); os.kill({pid}, 9)"


def test_timeout():
    loader = data.DataLoader(Faulty(lambda: time.sleep(60)), num_workers=1, timeout=0.2)
    iterator = iter(loader)
    for _ in range(3):
        next(iterator)
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.2 seconds"):
        next(iterator)
    iterator._pool.shutdown(0)


def test_timeout_needs_workers():
    with pytest.raises(AssertionError, match="requires timeout == 0"):
        iter(data.DataLoader(range(3), timeout=1))


def test_a_sampler_that_raises_leaves_no_worker():
    def broken():
        yield 0
        raise ValueError("sampler")

    before = children()
    loader = data.DataLoader(range(9), sampler=broken(), num_workers=2)
    with pytest.raises(ValueError, match="sampler"):
        iter(loader)
    assert children() == before


# ---- shared memory


def big_rows():
    return data.TensorDataset(pyrite.arange(400_000.0).reshape(8, 50_000))


def sums(loader):
    return [batch.sum().item() for (batch,) in loader]


@pytest.fixture
def warn_again(monkeypatch):
    monkeypatch.setattr(iterators, "_warned_of_shared_memory", False)


def limit_file_size(worker_id):
    """Make the kernel refuse segments above 64 KiB in this worker."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))


def test_a_small_shm_is_slower_and_warns_once(warn_again):
    expected = sums(data.DataLoader(big_rows(), batch_size=2))
    loader = data.DataLoader(
        big_rows(), batch_size=2, num_workers=2, worker_init_fn=limit_file_size
    )
    with pytest.warns(RuntimeWarning, match="could not get shared memory") as caught:
        assert sums(loader) == expected
        assert sums(loader) == expected
    assert len([w for w in caught if w.category is RuntimeWarning]) == 1


def test_shm_that_runs_full_in_the_middle(warn_again, monkeypatch):
    allowed = iter(range(2))

    def reserve(fd, size, real=_shm._reserve):
        if next(allowed, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(fd, size)

    monkeypatch.setattr(_shm, "_reserve", reserve)  # the workers are forks
    loader = data.DataLoader(
        big_rows(), batch_size=2, num_workers=1, multiprocessing_context="fork"
    )
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        assert sums(loader) == sums(data.DataLoader(big_rows(), batch_size=2))


def test_segments_without_a_shm_directory(monkeypatch):
    monkeypatch.setattr(_shm, "_SHARED_DIRECTORY", "/nonexistent")
    segment = _shm.Segment(100)
    segment.memory[:3] = b"abc"
    received = _shm.map_segment(os.dup(segment.fd), 100)
    assert bytes(received[:4]) == b"abc\0"


def test_segments_are_private_and_unnamed():
    before = shared_files()
    segment = _shm.Segment(4096)
    mode = os.fstat(segment.fd)
    assert mode.st_mode & 0o777 == 0o600
    assert mode.st_nlink == 0
    assert shared_files() == before


# ---- leaks


def children():
    """Direct children of this process, zombies included."""
    task = pathlib.Path(f"/proc/{os.getpid()}/task")
    return {pid for path in task.glob("*/children") for pid in path.read_text().split()}


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def shared_files():
    return {name for name in os.listdir("/dev/shm") if name.startswith("pyrite-")}


def in_use():
    """Processes, descriptors and files; what earlier tests' tracebacks hold is let go first."""
    gc.collect()
    return children(), descriptors(), shared_files()


def nothing_more_than(before):
    after = in_use()
    return after[0] <= before[0] and after[1] <= before[1] and after[2] <= before[2]


@linux
def test_a_hundred_epochs_leak_nothing():
    rows = data.TensorDataset(pyrite.arange(40_000.0).reshape(2, 20_000))
    loader = data.DataLoader(rows, num_workers=1)
    sums(loader)
    before = in_use()
    for epoch in range(100):
        iterator = iter(loader)
        next(iterator)
        if epoch % 2:  # abandoned half way
            next(iterator)
        del iterator
    assert nothing_more_than(before)


@linux
def test_persistent_workers_end_with_their_loader():
    before = in_use()
    loader = data.DataLoader(range(4), num_workers=2, persistent_workers=True)
    list(loader)
    list(loader)
    assert len(children() - before[0]) == 2
    del loader
    assert nothing_more_than(before)


@linux
def test_workers_end_although_later_ones_hold_copies_of_their_channel():
    early = iter(data.DataLoader(range(4), num_workers=1))
    late = iter(data.DataLoader(range(4), num_workers=1))
    start = time.monotonic()
    del early
    assert time.monotonic() - start < 2
    assert [batch.item() for batch in late] == [0, 1, 2, 3]


def script(body):
    """Start a program that prints lines; it leads its own process group."""
    prelude = """
        import multiprocessing, os, signal, sys, time
        import pyrite
        from pyrite.utils import data

        multiprocessing.set_start_method("fork")
        signal.signal(signal.SIGINT, signal.default_int_handler)  # also where it was ignored

        class Slow(data.Dataset):
            def __len__(self):
                return 100
            def __getitem__(self, index):
                os.write(1, b"%d\\n" % os.getpid())  # whole lines: both workers write to one pipe
                time.sleep(1000)
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(body)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def alive(pid):
    """Whether a process runs (a zombie does not)."""
    try:
        status = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def gone_within(seconds, pids):
    limit = time.monotonic() + seconds
    while any(alive(pid) for pid in pids) and time.monotonic() < limit:
        time.sleep(0.02)
    return not any(alive(pid) for pid in pids)


@linux
@pytest.mark.parametrize("target", ["group", "parent"])
def test_ctrl_c_leaves_no_orphan(target):
    program = script("list(data.DataLoader(Slow(), num_workers=2))")
    workers = [int(program.stdout.readline()) for _ in range(2)]
    (os.killpg if target == "group" else os.kill)(program.pid, signal.SIGINT)
    _, errors = program.communicate(timeout=10)
    assert "KeyboardInterrupt" in errors
    assert errors.count("Traceback") == 1  # the workers keep quiet
    assert gone_within(1, workers)


@linux
@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_a_killed_parent_leaves_no_orphan(method):
    if method == "forkserver":
        body = """
            rows = data.TensorDataset(pyrite.zeros(100))
            loader = data.DataLoader(rows, num_workers=2, multiprocessing_context="forkserver",
                                     persistent_workers=True)
            iterator = iter(loader)
            for member in iterator._pool._members.values():
                print(member.process.pid, flush=True)
            time.sleep(1000)
        """
    else:
        body = "list(data.DataLoader(Slow(), num_workers=2))"
    program = script(body)
    workers = [int(program.stdout.readline()) for _ in range(2)]
    program.kill()
    program.wait(timeout=10)
    assert gone_within(2, workers)
    program.stdout.close()
    program.stderr.close()


@linux
def test_collecting_many_batches_needs_few_descriptors():
    program = script(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        rows = data.TensorDataset(pyrite.arange(300.0)[:, None].expand(300, 20_000))
        batches = list(data.DataLoader(rows, num_workers=1))
        print([batch[0, -1].item() for (batch,) in batches] == list(range(300)))
        print(len(os.listdir("/proc/self/fd")) < 48)  # the program can still open files
        """
    )
    output, errors = program.communicate(timeout=60)
    assert output.split() == ["True", "True"], errors


@linux
def test_workers_survive_a_ctrl_c_that_the_parent_survives():
    program = script(
        """
        class Quick(Slow):
            def __getitem__(self, index):
                time.sleep(0.005)
                return index
        iterator = iter(data.DataLoader(Quick(), num_workers=2))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("ready", flush=True)
        print(sum(batch.item() for batch in iterator))
        """
    )
    assert program.stdout.readline() == "ready\n"
    os.killpg(program.pid, signal.SIGINT)
    output, errors = program.communicate(timeout=30)
    assert output.strip() == "4950", errors
