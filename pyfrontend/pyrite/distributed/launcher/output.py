"""Where the ranks' output goes: this terminal, files in the log folder, or both.

A file is `attempt_N/LOCAL_RANK/stdout.log` (or `stderr.log`). What goes to both comes through a
pipe and a thread, whole lines, with the rank before each line on the terminal.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TextIO

from .options import Job

_NAMES = ("stdout", "stderr")


class Output:
    """The streams of one attempt's ranks."""

    def __init__(self, job: Job, folder: Path) -> None:
        self._job = job
        self._folder = folder
        self._files: list[IO[bytes]] = []
        self._threads: list[threading.Thread] = []

    def streams(self, local_rank: int) -> tuple[IO[bytes] | int | None, IO[bytes] | int | None]:
        """What to give the process for its standard output and error."""
        return self._stream(local_rank, 0), self._stream(local_rank, 1)

    def _stream(self, local_rank: int, number: int) -> IO[bytes] | int | None:
        bit = 1 << number
        if self._job.tee.of(local_rank) & bit:
            return subprocess.PIPE
        if self._job.redirects.of(local_rank) & bit:
            return self._open(local_rank, number)
        hidden = self._job.shown is not None and local_rank not in self._job.shown
        return subprocess.DEVNULL if hidden else None

    def _open(self, local_rank: int, number: int) -> IO[bytes]:
        path = self._folder / str(local_rank) / f"{_NAMES[number]}.log"
        file = path.open("wb")
        self._files.append(file)
        return file

    def started(self, local_rank: int, process: subprocess.Popen[bytes]) -> None:
        """Begins to copy the pipes of a rank."""
        shown = self._job.shown is None or local_rank in self._job.shown
        prefix = f"[{self._job.role}{local_rank}]:" if shown else None
        for number, pipe in enumerate((process.stdout, process.stderr)):
            if pipe is not None:
                terminal = (sys.stdout, sys.stderr)[number]
                copy = (pipe, self._open(local_rank, number), terminal, prefix)
                thread = threading.Thread(target=_copy_lines, args=copy, daemon=True)
                thread.start()
                self._threads.append(thread)

    def close(self) -> None:
        """Passes on what is left; a grandchild that keeps a pipe open is not waited for."""
        for thread in self._threads:
            thread.join(timeout=1.0)
        for file in self._files:
            file.close()


def _copy_lines(pipe: IO[bytes], file: IO[bytes], terminal: TextIO, prefix: str | None) -> None:
    for line in pipe:
        if file.closed:
            return
        file.write(line)
        file.flush()
        if prefix is not None:
            terminal.write(prefix + line.decode(errors="replace"))
            terminal.flush()
