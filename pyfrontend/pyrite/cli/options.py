"""Arguments that several subcommands share, and how they report wrong use."""

from __future__ import annotations

import argparse
from collections.abc import Callable


class UsageError(Exception):
    """The command line asks for something impossible; the text is one line for the user."""


def whole_number(least: int) -> Callable[[str], int]:
    """An argparse type: an integer that is `least` or more."""

    def parse(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    parse.__name__ = "whole number"
    return parse


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """`--seed` and `--threads`."""
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of all random draws (%(default)s)"
    )
    parser.add_argument(
        "--threads", type=whole_number(1), help="number of CPU threads (all that the machine has)"
    )


def apply_training_options(arguments: argparse.Namespace) -> None:
    """Seeds the generators and sets the number of threads."""
    import pyrite as torch

    torch.manual_seed(arguments.seed)
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
