"""The launcher's command line: torchrun's options, read into a `Job`.

Both spellings of an option (`--master-port`, `--master_port`) and torchrun's environment variables
(`PET_MASTER_PORT`) work. Options of torchrun that mean nothing here are not accepted.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import sys
from dataclasses import dataclass, field
from typing import Any

from pyrite.cli.options import UsageError, whole_number

_DEFAULT_PORT = 29500


@dataclass(frozen=True)
class Streams:
    """Which output streams of which local rank: bit 0 for stdout, bit 1 for stderr."""

    default: int = 0
    ranks: dict[int, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Streams:
        """Reads `3` (both streams of all ranks) or `0:1,1:2` (rank 0's stdout, rank 1's stderr).

        Raises:
            argparse.ArgumentTypeError: the text is neither.
        """
        try:
            if ":" not in text:
                return cls(_bits(text))
            pairs = (entry.split(":") for entry in text.split(","))
            return cls(0, {int(rank): _bits(bits) for rank, bits in pairs})
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"expected 0, 1, 2, 3 or RANK:BITS,... got {text!r}"
            ) from None

    def of(self, local_rank: int) -> int:
        """The streams of one rank."""
        return self.ranks.get(local_rank, self.default)


def _bits(text: str) -> int:
    if int(text) not in range(4):
        raise ValueError(text)
    return int(text)


@dataclass(frozen=True)
class Job:
    """What to launch on this host.

    Attributes:
        command: what every rank executes.
        nproc: ranks on this host.
        nnodes: hosts, each with as many ranks; the most there may be, before they have met.
        least: the fewest hosts that the job begins with.
        last_call: seconds without a new host after which enough are not waited for any longer.
        join_timeout: seconds in which enough hosts have to come.
        node_rank: this host's number.
        master_addr: where rank 0 listens.
        master_port: its port; 0 lets the launcher find one for each attempt.
        run_id: the job's name.
        key: the secret that ranks prove to each other.
        shutdown_timeout: seconds between SIGTERM and SIGKILL.
        shown: the local ranks whose output is shown; None means all.
        dynamic: whether node ranks are given out by a store at the meeting point.
        devices: what `cuda` means to the ranks, as in PYRITE_CUDA_ALIAS.
    """

    command: list[str]
    nproc: int = 1
    nnodes: int = 1
    least: int = 1
    last_call: float = 30.0
    join_timeout: float = 600.0
    node_rank: int = 0
    master_addr: str = "127.0.0.1"
    master_port: int = 0
    run_id: str = "none"
    key: str = ""
    role: str = "default"
    max_restarts: int = 0
    monitor_interval: float = 0.1
    shutdown_timeout: float = 3.0
    signals: tuple[int, ...] = (signal.SIGTERM, signal.SIGINT)
    log_dir: str | None = None
    redirects: Streams = field(default_factory=Streams)
    tee: Streams = field(default_factory=Streams)
    shown: frozenset[int] | None = None
    dynamic: bool = False
    devices: str | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares torchrun's command line."""

    def option(name: str, *short: str, **settings: Any) -> None:
        spellings = dict.fromkeys((*short, f"--{name}", f"--{name.replace('-', '_')}"))
        variable = f"PET_{name.replace('-', '_').upper()}"
        if variable in os.environ:
            flag = settings.get("action") == "store_true"
            settings["default"] = os.environ[variable] == "1" if flag else os.environ[variable]
        parser.add_argument(*spellings, **settings)

    option("nproc-per-node", help="ranks on this host: a number, gpu, cpu or auto (1)")
    option("nnodes", default="1", help="number of hosts, or MIN:MAX (%(default)s)")
    option("node-rank", type=whole_number(0), default=0, help="this host's number (%(default)s)")
    option("master-addr", default="127.0.0.1", help="host of rank 0 (%(default)s)")
    option("master-port", type=whole_number(0), help=f"its port (any free; {_DEFAULT_PORT})")
    option("rdzv-backend", default="static", help="static or c10d (%(default)s)")
    option("rdzv-endpoint", default="", help="HOST[:PORT], like master-addr and master-port")
    option("rdzv-id", default="none", help="the job's name (%(default)s)")
    option("rdzv-conf", default="", help="last_call_timeout=30,join_timeout=600 (seconds)")
    option("standalone", action="store_true", help="one host, any free port")
    option("max-restarts", type=whole_number(0), default=0, help="after failures (%(default)s)")
    option("monitor-interval", type=float, default=0.1, help="seconds (%(default)s)")
    option("shutdown-timeout", type=float, default=3.0, help="SIGTERM to SIGKILL (%(default)s s)")
    option("signals-to-handle", default="SIGTERM,SIGINT,SIGHUP,SIGQUIT", help="(%(default)s)")
    option("role", default="default", help="the ranks' name in tee'd output (%(default)s)")
    option("log-dir", help="folder for the ranks' output and error files")
    option("redirects", "-r", type=Streams.parse, default="0", help="streams that go to files")
    option("tee", "-t", type=Streams.parse, default="0", help="streams to files and terminal")
    option("local-ranks-filter", default="", help="only show these ranks' output")
    option("module", "-m", action="store_true", help="SCRIPT is a module's name")
    option("no-python", action="store_true", help="SCRIPT is a command of its own")
    option("devices", help="what `cuda` means: cpu:N for N devices on the CPU, 1 for the GPUs")
    parser.add_argument("training_script", metavar="SCRIPT", help="the program")
    parser.add_argument(
        "training_script_args", metavar="...", nargs=argparse.REMAINDER, help="its arguments"
    )


def job(arguments: argparse.Namespace) -> Job:
    """What the parsed command line asks for.

    Raises:
        UsageError: the options contradict each other.
    """
    least, nnodes = _nnodes(arguments.nnodes)
    dynamic = arguments.rdzv_backend == "c10d" and not arguments.standalone
    if least < nnodes and not dynamic:
        raise UsageError(f"--nnodes {arguments.nnodes}: a varying number needs --rdzv-backend c10d")
    limits = _limits(arguments.rdzv_conf)
    if arguments.node_rank >= nnodes:
        raise UsageError(f"--node-rank {arguments.node_rank} is not below --nnodes {nnodes}")
    address, port = _meeting_point(arguments, nnodes)
    shown = arguments.local_ranks_filter
    return Job(
        command=_command(arguments),
        nproc=_nproc(arguments.nproc_per_node, arguments.devices),
        nnodes=nnodes,
        least=least,
        **limits,
        node_rank=arguments.node_rank,
        master_addr=address,
        master_port=port,
        run_id=arguments.rdzv_id if port else secrets.token_hex(8),
        key=_key(nnodes),
        role=arguments.role,
        max_restarts=arguments.max_restarts,
        monitor_interval=arguments.monitor_interval,
        shutdown_timeout=arguments.shutdown_timeout,
        signals=tuple(_signal(name) for name in arguments.signals_to_handle.split(",")),
        log_dir=arguments.log_dir,
        redirects=arguments.redirects,
        tee=arguments.tee,
        shown=frozenset(int(rank) for rank in shown.split(",")) if shown else None,
        dynamic=dynamic,
        devices=arguments.devices,
    )


def _nnodes(text: str) -> tuple[int, int]:
    """The fewest and the most hosts."""
    least, _, most = text.partition(":")
    most = most or least
    if not (least.isdigit() and most.isdigit()) or not 1 <= int(least) <= int(most):
        raise UsageError(f"--nnodes {text}: expected a number of hosts, or MIN:MAX")
    return int(least), int(most)


def _limits(text: str) -> dict[str, float]:
    """What `--rdzv-conf` says about waiting, by `Job`'s names."""
    names = {"last_call_timeout": "last_call", "join_timeout": "join_timeout"}
    limits = {}
    for entry in filter(None, text.split(",")):
        name, _, value = entry.partition("=")
        try:
            limits[names[name.strip()]] = float(value)
        except (KeyError, ValueError):
            raise UsageError(
                f"--rdzv-conf {entry}: expected {' or '.join(names)}, each =SECONDS"
            ) from None
    return limits


def _meeting_point(arguments: argparse.Namespace, nnodes: int) -> tuple[str, int]:
    """Address and port of rank 0; port 0 on a host of its own, where any will do."""
    if arguments.rdzv_backend not in ("static", "c10d"):
        raise UsageError(f"--rdzv-backend {arguments.rdzv_backend}: expected static or c10d")
    if arguments.standalone:
        return "127.0.0.1", 0
    address, port = arguments.master_addr, arguments.master_port
    if arguments.rdzv_endpoint:
        address, _, digits = arguments.rdzv_endpoint.rpartition(":")
        if not address:
            address, digits = digits, str(_DEFAULT_PORT)
        if not digits.isdigit():
            raise UsageError(f"--rdzv-endpoint {arguments.rdzv_endpoint}: expected HOST:PORT")
        port = int(digits)
    elif port is None:
        port = 0 if nnodes == 1 else _DEFAULT_PORT
    if nnodes > 1 and port == 0:
        raise UsageError("--master-port 0: several hosts have to name one port")
    return address, port


def _nproc(text: str | None, devices: str | None) -> int:
    """The number of ranks here; as many as there are devices where only these are given."""
    if text is None and devices is None:
        return 1
    if text is not None and text.isdigit() and int(text) > 0:
        return int(text)
    if text not in (None, "gpu", "auto", "cpu"):
        raise UsageError(f"--nproc-per-node {text}: expected a number, gpu, auto or cpu")
    from pyrite import gpu

    from .ranks import usable_cores

    if text == "cpu":
        return usable_cores()
    kind, _, number = (devices or "").partition(":")
    if kind == "cpu":
        return int(number or 1)
    if gpu.device_count():
        return gpu.device_count()
    if text == "auto":
        return usable_cores()
    raise UsageError(f"--nproc-per-node {text or 'gpu'}: no GPU here; give a number, or --devices")


def _key(nnodes: int) -> str:
    """The group's secret: the user's, or one for this launch where it need not be shared."""
    key = os.environ.get("PYRITE_GROUP_KEY")
    if not key and nnodes > 1:
        raise UsageError(
            "hosts need a common secret: set PYRITE_GROUP_KEY to the same value on each, "
            f"for instance {secrets.token_hex(16)}"
        )
    return key or secrets.token_hex(32)


def _command(arguments: argparse.Namespace) -> list[str]:
    program = [arguments.training_script, *arguments.training_script_args]
    if arguments.no_python:
        if arguments.module:
            raise UsageError("--no-python and --module contradict each other")
        if shutil.which(arguments.training_script) is None:
            raise UsageError(f"no such command: {arguments.training_script}")
        return program
    python = os.environ.get("PYTHON_EXEC", sys.executable)
    return [python, "-u", "-m", "pyrite", "run", *(["-m"] if arguments.module else []), *program]


def _signal(name: str) -> int:
    try:
        return signal.Signals[name.strip()]
    except KeyError:
        raise UsageError(f"--signals-to-handle: no signal is called {name!r}") from None
