"""Two "hosts" on one machine: network namespaces with names of their own, joined by a link.

The link can be made slow or cut silently. It needs root and the programs `ip`, `tc` and `unshare`:
where one is missing the test is skipped, and says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

KEY = "correct horse battery staple"


def _tool(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


class Hosts:
    """Hosts 0 and 1; addresses are `10.203.N.1` and `10.203.N.2`."""

    def __init__(self) -> None:
        missing = [tool for tool in ("ip", "tc", "unshare") if shutil.which(tool) is None]
        if missing:
            pytest.skip(f"no hosts to test with: this machine lacks {', '.join(missing)}")
        number = os.getpid() % 250
        self.names = [f"pyrite-{os.getpid()}-{end}" for end in (0, 1)]
        self.addresses = [f"10.203.{number}.{end + 1}" for end in (0, 1)]
        try:
            for name in self.names:
                _tool("ip", "netns", "add", name)
            self._join()
            _tool(*self.prefix(0), "true")
        except (OSError, subprocess.CalledProcessError) as error:
            self.close()
            reason = getattr(error, "stderr", "") or str(error)
            pytest.skip(f"no hosts to test with: network namespaces need root ({reason.strip()})")

    def _join(self) -> None:
        ends = [f"py{os.getpid() % 100000}{end}" for end in "ab"]
        _tool("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for end, name, address in zip(ends, self.names, self.addresses, strict=True):
            _tool("ip", "link", "set", end, "netns", name, "name", "eth0")
            self.inside(name, "ip", "addr", "add", f"{address}/24", "dev", "eth0")
            self.inside(name, "ip", "link", "set", "eth0", "up")
            self.inside(name, "ip", "link", "set", "lo", "up")

    def inside(self, name: str, *words: str) -> None:
        """Runs a command in a namespace."""
        _tool("ip", "netns", "exec", name, *words)

    def prefix(self, host: int) -> list[str]:
        """What a command begins with that runs on a host; the process keeps its number."""
        rename = 'hostname "$0" && exec "$@"'
        enter = ["ip", "netns", "exec", self.names[host], "unshare", "--uts", "sh", "-c"]
        return [*enter, rename, self.names[host]]

    def slow(self, rate: str) -> None:
        """Lets both ends send at `rate` (tc's words: `1gbit`) at most."""
        for name in self.names:
            words = ("root", "tbf", "rate", rate, "burst", "256kb", "latency", "50ms")
            self.inside(name, "tc", "qdisc", "replace", "dev", "eth0", *words)

    def cut(self) -> None:
        """Packets vanish from now on, and nobody is told."""
        for name, address in zip(self.names, reversed(self.addresses), strict=True):
            self.inside(name, "ip", "route", "add", "blackhole", f"{address}/32")

    def close(self) -> None:
        """Takes the hosts away."""
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
