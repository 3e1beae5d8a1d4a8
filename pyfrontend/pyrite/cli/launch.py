"""`pyrite launch`: start a PyTorch program as several ranks, with torchrun's options.

Each rank runs as under `pyrite run`, with the variables that torchrun sets.
"""

from __future__ import annotations

import argparse

from pyrite.distributed.launcher.options import add_arguments

__all__ = ["add_arguments", "run"]


def run(arguments: argparse.Namespace) -> int:
    """Runs the ranks of this host to their end; the launcher's exit status."""
    from pyrite.distributed import run as launcher

    return launcher.run(arguments)
