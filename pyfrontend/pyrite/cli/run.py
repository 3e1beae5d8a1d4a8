"""`pyrite run`: run an unmodified PyTorch script, module, notebook or test file on Pyrite.

Everything after the program's name goes to the program, as with `python`.
"""

from __future__ import annotations

import argparse
import os
import sys

from .options import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command line of `pyrite run`."""
    parser.add_argument(
        "-m", "--module", action="store_true", help="PROGRAM is a module's name, as in `python -m`"
    )
    parser.add_argument(
        "--devices", help="what `cuda` means: cpu:N for N devices on the CPU, 1 for the GPUs"
    )
    parser.add_argument(
        "program", metavar="PROGRAM", help="a .py file, an .ipynb notebook, or with -m a module"
    )
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the program")


def run(arguments: argparse.Namespace) -> int:
    """Runs the program in this process; its exit status is the command's."""
    if arguments.devices is not None:
        _mean_by_cuda(arguments.devices)
    from pyrite.compat import program

    try:
        return program.run(arguments.program, arguments.arguments, as_module=arguments.module)
    except FileNotFoundError as error:
        if error.filename != arguments.program:
            raise
        raise UsageError(f"no such file: {arguments.program}") from error


def _mean_by_cuda(devices: str) -> None:
    """Starts this command again where `cuda` meant something else when Pyrite was imported."""
    if os.environ.get("PYRITE_CUDA_ALIAS") != devices:
        os.environ["PYRITE_CUDA_ALIAS"] = devices
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
