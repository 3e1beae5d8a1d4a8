"""`pyrite demo`: train a small network on handwritten digits, save and reload it, draw the result.

Downloads nothing: the 1,797 UCI digits come with the package, and every fifth one is held out.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from .options import add_training_options, apply_training_options, whole_number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command line of `pyrite demo`."""
    parser.add_argument(
        "--model", choices=["cnn", "mlp"], default="cnn", help="the network (%(default)s)"
    )
    parser.add_argument(
        "--epochs", type=whole_number(0), default=20, help="passes over the images (%(default)s)"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(), help="where the model and the picture go (here)"
    )
    add_training_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs the demo; the status is 1 when the reloaded model answers differently."""
    import pyrite as torch
    from pyrite.datasets import digits

    from .digits import accuracy, predict, train
    from .models.digits import MODELS
    from .picture import draw_report

    apply_training_options(arguments)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    model = MODELS[arguments.model]()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    kind = arguments.model.upper()
    print(f"Training a {kind} of {parameters:,} parameters on 1,437 digits.", flush=True)
    start = time.perf_counter()
    losses = train(model, arguments.epochs)
    trained = accuracy(model)
    seconds = time.perf_counter() - start
    print(f"accuracy on the 360 held-out images: {trained:.4f} after {seconds:.1f} s")

    file = arguments.folder / "pyrite-demo.pt"
    torch.save(model.state_dict(), file)
    reloaded = MODELS[arguments.model]()
    reloaded.load_state_dict(torch.load(file))
    again = accuracy(reloaded)
    print(f"model: {file}, reloaded: accuracy {again:.4f}")

    images, labels = digits(train=False)
    picture = arguments.folder / "pyrite-demo.png"
    draw_report(picture, losses, images, labels, predict(reloaded, images), again)
    print(f"picture: {picture}")
    if again != trained:
        print("the reloaded model differs from the saved one", file=sys.stderr)
        return 1
    return 0
