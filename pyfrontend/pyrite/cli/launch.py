"""`pyrite launch`: start a PyTorch program as several ranks, with torchrun's options.

Each rank runs as under `pyrite run`, with the variables that torchrun sets.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares torchrun's command line."""
    from pyrite.distributed.launcher import options

    options.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs the ranks of this host to their end; the launcher's exit status."""
    from pyrite.distributed import run as launcher

    return launcher.run(arguments)
