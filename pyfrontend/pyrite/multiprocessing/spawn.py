"""Starting several processes that run one function, and ending all when one fails.

A rank's traceback travels through a file. Invariant: when `spawn` returns or raises no process it
started is alive, and none outlives its parent.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
import weakref
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NoReturn

__all__ = [
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "spawn",
    "start_processes",
]

_GRACE = 3.0  # seconds between the polite and the other way to end a process


class ProcessException(Exception):
    """A process did not end well.

    Attributes:
        msg: what happened.
        error_index: its number among those started.
        error_pid: its process id.
    """

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg = msg
        self.error_index = error_index
        self.error_pid = pid
        self.pid = pid

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process raised an exception; the text holds its traceback."""


class ProcessExitedException(ProcessException):
    """A process exited by itself or by a signal.

    Attributes:
        exit_code: its code, or minus the signal's number.
        signal_name: the signal, where it was one.
    """

    def __init__(
        self,
        msg: str,
        error_index: int,
        pid: int,
        exit_code: int,
        signal_name: str | None = None,
    ) -> None:
        super().__init__(msg, error_index, pid)
        self.exit_code = exit_code
        self.signal_name = signal_name

    def __reduce__(self) -> Any:
        return type(self), (
            self.msg,
            self.error_index,
            self.pid,
            self.exit_code,
            self.signal_name,
        )


class ProcessContext:
    """Processes that were started together.

    Attributes:
        processes: them.
        error_files: where each leaves its traceback.
    """

    def __init__(self, processes: Sequence[BaseProcess], folder: str) -> None:
        self.processes = list(processes)
        self.error_files = [_error_file(folder, i) for i in range(len(self.processes))]
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.sentinels = {process.sentinel: i for i, process in enumerate(self.processes)}

    def pids(self) -> list[int]:
        """Their process ids."""
        return [int(process.pid or 0) for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Waits until a process ends; when one failed the others are ended.

        Args:
            timeout: seconds; None waits for as long as it takes.
            grace_period: seconds that the others get to end themselves after a failure.

        Returns:
            Whether all have ended well.

        Raises:
            ProcessRaisedException: a process raised.
            ProcessExitedException: a process exited with a code other than 0, or by a signal.
        """
        if not self.sentinels:
            return True
        ready = set(multiprocessing.connection.wait(list(self.sentinels), timeout))
        for sentinel in [sentinel for sentinel in self.sentinels if sentinel in ready]:
            index = self.sentinels.pop(sentinel)
            self.processes[index].join()
            if self.processes[index].exitcode != 0:
                self._end(grace_period)
                self._fail(index)
        return not self.sentinels

    def _end(self, grace_period: float | None) -> None:
        alive = [process for process in self.processes if process.is_alive()]
        _join_all(alive, grace_period or 0.0)
        for process in alive:
            process.terminate()
        _join_all(alive, _GRACE)
        for process in alive:
            process.kill()
            process.join()

    def _fail(self, index: int) -> NoReturn:
        pid = int(self.processes[index].pid or 0)
        try:
            trace = Path(self.error_files[index]).read_text(encoding="utf-8")
        except FileNotFoundError:
            self._fail_silently(index, pid)
        head = f"\n\n-- Process {index} terminated with the following error:\n"
        raise ProcessRaisedException(head + trace, index, pid)

    def _fail_silently(self, index: int, pid: int) -> NoReturn:
        code = self.processes[index].exitcode or 0
        if code < 0:
            name = signal.Signals(-code).name
            text = f"process {index} terminated with signal {name}"
            raise ProcessExitedException(text, index, pid, code, name)
        text = f"process {index} terminated with exit code {code}"
        raise ProcessExitedException(text, index, pid, code)


SpawnContext = ProcessContext


def spawn(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Runs `fn(i, *args)` in `nprocs` new processes, `i` from 0 on.

    Args:
        fn: a function of a module (it is imported again in each process).
        args: its further arguments.
        nprocs: number of processes.
        join: wait for all of them.
        daemon: they may not start processes of their own, and end with this one.
        start_method: leave it out, or use `start_processes`.

    Returns:
        None with `join`, else the started processes.

    Raises:
        ProcessRaisedException: a process raised; the others are ended.
        ProcessExitedException: a process exited with a code other than 0, or by a signal.
        RuntimeError: `fn` lives in a notebook or at a prompt, where no process can import it.
    """
    if start_method != "spawn":
        warnings.warn(
            "This method only supports start_method=spawn (got: "
            f"{start_method}).\nTo use a different start_method use:\n\t\t"
            " torch.multiprocessing.start_processes(...)",
            FutureWarning,
            stacklevel=2,
        )
    return start_processes(fn, args, nprocs, join, daemon, start_method="spawn")


def start_processes(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """As `spawn`, with any start method (`spawn`, `fork`, `forkserver`)."""
    if start_method != "fork":
        _check_importable(fn)
    context = multiprocessing.get_context(start_method)
    folder = tempfile.mkdtemp(prefix="pyrite-multiprocessing-")
    processes: list[BaseProcess] = []
    for index in range(nprocs):
        call = (fn, index, args, _error_file(folder, index))
        process = context.Process(target=_run, args=call, daemon=daemon)  # type: ignore[attr-defined]
        process.start()
        processes.append(process)
    started = ProcessContext(processes, folder)
    if not join:
        return started
    while not started.join():
        pass
    return None


def _run(fn: Callable[..., Any], index: int, args: tuple[Any, ...], error_file: str) -> None:
    """A process's whole life."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        fn(index, *args)
    except KeyboardInterrupt:
        pass  # the parent was interrupted as well, and says so
    except Exception:
        Path(error_file).write_text(traceback.format_exc(), encoding="utf-8")
        sys.exit(1)


def _end_with_parent() -> None:
    """Interrupts this process when its parent is gone, and ends it if that does not help."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(_GRACE)
        os._exit(1)


def _error_file(folder: str, index: int) -> str:
    return os.path.join(folder, f"{index}.txt")


def _join_all(processes: Sequence[BaseProcess], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))


def _check_importable(fn: Callable[..., Any]) -> None:
    """Fails for a function that the new processes could not find."""
    main = sys.modules["__main__"]
    if getattr(fn, "__module__", None) != "__main__":
        return
    file = getattr(main, "__file__", None)
    if file is None or not os.path.isfile(file) or file.endswith(".ipynb"):
        name = getattr(fn, "__qualname__", repr(fn))
        raise RuntimeError(
            f"spawn: new processes cannot import {name}, it was defined in a notebook or at a "
            "prompt\n  hint: move it to a .py file and import it, or use "
            "pyrite.distributed.notebook_launcher(fn, args, nprocs)"
        )
