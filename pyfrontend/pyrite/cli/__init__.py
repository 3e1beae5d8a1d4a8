"""The command `pyrite`: one module per subcommand, each with `add_arguments` and `run`.

A subcommand's `run` takes the parsed arguments and returns the exit status. Wrong use of the
command line raises `UsageError`, which becomes one line on stderr and status 2.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import demo, gpu, info, launch, run, train
from .options import UsageError

__all__ = ["main"]

_COMMANDS = {"demo": demo, "train": train, "info": info, "gpu": gpu, "run": run, "launch": launch}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand.

    Args:
        argv: the arguments after the program's name; None means the process's own.

    Returns:
        The exit status: 0 for success, 2 for wrong use.
    """
    parser = argparse.ArgumentParser(
        prog="pyrite", description="Deep learning with PyTorch's Python API and a Rust core."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in _COMMANDS.items():
        summary = (module.__doc__ or "").partition("\n")[0].partition(": ")[2].removesuffix(".")
        module.add_arguments(commands.add_parser(name, help=summary, description=summary))
    arguments = parser.parse_args(argv)
    try:
        status: int = _COMMANDS[arguments.command].run(arguments)
        return status
    except UsageError as error:
        print(f"pyrite {arguments.command}: {error}", file=sys.stderr)
        return 2
