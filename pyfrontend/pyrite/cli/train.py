"""`pyrite train`: train a digit classifier, a model of names, or a character GPT on a text file."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from .options import UsageError, add_training_options, apply_training_options, whole_number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `digits`, `names` and `text FILE`."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="digits|names|text")

    digits = kinds.add_parser("digits", help="the handwritten digits that come with the package")
    digits.add_argument(
        "--model", choices=["cnn", "mlp"], default="cnn", help="the network (%(default)s)"
    )
    digits.add_argument("--epochs", type=whole_number(0), default=20, help="passes (%(default)s)")

    names = kinds.add_parser(
        "names", help="a character model of the names that come with the package"
    )
    names.add_argument("--steps", type=whole_number(0), default=500, help="steps (%(default)s)")
    names.add_argument(
        "--samples", type=whole_number(0), default=10, help="names to invent (%(default)s)"
    )

    text = kinds.add_parser("text", help="a character GPT on a text file")
    text.add_argument("file", type=Path, metavar="FILE", help="any text in UTF-8")
    text.add_argument("--steps", type=whole_number(0), default=500, help="steps (%(default)s)")
    text.add_argument(
        "--samples", type=whole_number(0), default=300, help="characters to draw (%(default)s)"
    )
    for name, value, meaning in (
        ("context", 64, "characters that the model looks back on"),
        ("layers", 2, "blocks of attention and feed-forward network"),
        ("heads", 4, "attention heads of a block"),
        ("channels", 64, "numbers that stand for a character; a multiple of the heads"),
    ):
        text.add_argument(
            f"--{name}", type=whole_number(1), default=value, help=f"{meaning} (%(default)s)"
        )

    for kind in (digits, names, text):
        kind.add_argument(
            "--save", type=Path, metavar="FILE", help="where to save the trained model"
        )
        add_training_options(kind)


def run(arguments: argparse.Namespace) -> int:
    """Seeds the generators and hands over to the module of that name."""
    if arguments.save is not None and not arguments.save.parent.is_dir():
        raise UsageError(f"cannot save {arguments.save}: no folder {arguments.save.parent}")
    apply_training_options(arguments)
    status: int = import_module(f"{__package__}.{arguments.kind}").run(arguments)
    return status
