"""Ends the ranks when the launcher is gone, however it went.

A process of its own, in its own session; run by path, without the package. It reads `+GROUP` and
`-GROUP` lines (process groups that began and ended) until the launcher's end of the pipe closes.
Invariant: nothing but that end of file makes it act.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

_GRACE = 1.0  # seconds between SIGTERM and SIGKILL


class Guard:
    """The launcher's side: tells the guard which process groups are alive."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def began(self, group: int) -> None:
        """A process group to end should the launcher die."""
        self._tell(f"+{group}\n")

    def ended(self, group: int) -> None:
        """A process group that is gone, its number may belong to others from now on."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Lets the guard go."""
        assert self._process.stdin is not None, "made with a pipe"
        self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None, "made with a pipe"
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()


def signal_group(group: int, number: int) -> bool:
    """Sends a signal to a process group; False where none of it is left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS says so of a group of zombies
        return False
    return True


def _watch() -> None:
    alive: set[int] = set()
    for line in sys.stdin:
        change = alive.add if line[0] == "+" else alive.discard
        change(int(line[1:]))
    alive = {group for group in alive if signal_group(group, signal.SIGTERM)}
    deadline = time.monotonic() + _GRACE
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        alive = {group for group in alive if signal_group(group, 0)}
    for group in alive:
        signal_group(group, signal.SIGKILL)


if __name__ == "__main__":
    _watch()
