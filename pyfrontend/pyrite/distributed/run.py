"""`python -m pyrite.distributed.run`: torchrun's command line, which `pyrite launch` has as well.

Starts a program as several ranks, in which `torch` means Pyrite. Exit status: 0 when all ranks
ended well, 1 when one failed or a signal ended the job, 2 for wrong use.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pyrite.cli.options import UsageError
from pyrite.distributed.launcher import agent, options

__all__ = ["get_args_parser", "main", "run"]


def get_args_parser() -> argparse.ArgumentParser:
    """The parser of the launcher's command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pyrite.distributed.run", description="Starts a program as several ranks."
    )
    options.add_arguments(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Launches what the parsed arguments ask for; the exit status.

    Raises:
        UsageError: the options contradict each other.
    """
    return agent.run(options.job(arguments))


def main(args: Sequence[str] | None = None) -> int:
    """Parses a command line (the process's own by default) and runs it; the exit status."""
    parser = get_args_parser()
    try:
        return run(parser.parse_args(args))
    except UsageError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
