"""Runs a program in processes that can form a process group, and collects what they print."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

PRELUDE = """
import os, sys, time, signal
from datetime import timedelta
import pyrite as torch
import pyrite.distributed as dist

rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])

def form(seconds=60, **options):
    options.setdefault("init_method", "file://" + os.environ["MEETING"])
    dist.init_process_group(
        rank=rank, world_size=world, timeout=timedelta(seconds=seconds), **options
    )

def outlive(rank):
    # Ends this forked child once that rank has made the file.
    end = time.monotonic() + 20
    while not os.path.exists(rank) and time.monotonic() < end:
        time.sleep(0.02)
    os._exit(0)

def say(*words):
    # In one write: the stacks that a timeout dumps go to the same pipe.
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()
"""


class Ranks:
    """The processes of one group; `stop` ends what is left of them."""

    def __init__(
        self,
        count: int,
        program: str,
        prefixes: Sequence[Sequence[str]] = (),
        **environment: str,
    ) -> None:
        """Starts the program `count` times, each behind its prefix (`ip netns exec ...`)."""
        self.folder = tempfile.TemporaryDirectory()
        base = Path(self.folder.name)
        script = base / "program.py"
        script.write_text(PRELUDE + program)
        self.processes = []
        for rank in range(count):
            own = {
                "RANK": str(rank),
                "WORLD_SIZE": str(count),
                "MEETING": str(base / "meeting"),
                "XDG_RUNTIME_DIR": self.folder.name,
                "OMP_NUM_THREADS": "1",
            }
            self.processes.append(
                subprocess.Popen(
                    [*(prefixes[rank] if prefixes else ()), sys.executable, str(script)],
                    env={**os.environ, **own, **environment},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )

    def __enter__(self) -> Ranks:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self.folder.cleanup()

    def line(self, rank: int) -> str:
        """The next line of a rank."""
        stdout = self.processes[rank].stdout
        assert stdout is not None
        return stdout.readline().strip()

    def wait_for(self, word: str, ranks: list[int]) -> None:
        """Reads a line of each of these ranks; it has to be `word`."""
        for rank in ranks:
            line = self.line(rank)
            assert line == word, line + "\n" + (self.finish([rank])[0])

    def finish(self, ranks: list[int], seconds: float = 60) -> list[str]:
        """What these ranks print until they end; they have `seconds` for it."""
        end = time.monotonic() + seconds
        outputs = []
        for rank in ranks:
            output, _ = self.processes[rank].communicate(timeout=max(0.1, end - time.monotonic()))
            outputs.append(output)
        return outputs


def run(count: int, program: str, seconds: float = 60, **environment: str) -> list[str]:
    """What each rank prints; all of them must end well."""
    with Ranks(count, program, **environment) as ranks:
        outputs = ranks.finish(list(range(count)), seconds)
        for rank, (process, output) in enumerate(zip(ranks.processes, outputs, strict=True)):
            assert process.returncode == 0, f"rank {rank}:\n{output}"
    return outputs
