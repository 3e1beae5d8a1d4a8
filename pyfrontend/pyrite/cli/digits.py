"""Training and measuring a digit classifier, for `pyrite demo` and `pyrite train digits`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import pyrite as torch
from pyrite.datasets import digits
from pyrite.nn import functional as F
from pyrite.utils.data import DataLoader, TensorDataset

from .models.digits import MODELS

if TYPE_CHECKING:
    from pyrite import Tensor, nn

_BATCH = 32
_PEAK_RATE = 4e-3


def train(model: nn.Module, epochs: int) -> list[float]:
    """Trains on the 1,437 training images with AdamW and a one-cycle rate; a bar shows progress.

    Returns:
        The mean loss of the batch, one number a step.
    """
    from tqdm import tqdm

    loader: DataLoader[Any] = DataLoader(TensorDataset(*digits()), batch_size=_BATCH, shuffle=True)
    steps = epochs * len(loader)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_PEAK_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _PEAK_RATE, total_steps=steps + 1)
    losses: list[float] = []
    model.train()
    with tqdm(total=steps, unit="step", disable=True if epochs == 0 else None) as bar:
        for epoch in range(1, epochs + 1):
            bar.set_description(f"epoch {epoch}/{epochs}")
            for images, labels in loader:  # (N, 1, 8, 8), (N,)
                loss = F.cross_entropy(model(images), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
                bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
                bar.update()
    return losses


@torch.no_grad()
def predict(model: nn.Module, images: Tensor) -> Tensor:
    """The most likely digit of each image: (N, 1, 8, 8) -> (N,)."""
    model.eval()
    logits: Tensor = model(images)  # (N, 10)
    return logits.argmax(dim=1)


def accuracy(model: nn.Module) -> float:
    """The share of the 360 held-out images that the model names correctly."""
    images, labels = digits(train=False)
    right = int((predict(model, images) == labels).sum())
    return right / len(labels)


def run(arguments: argparse.Namespace) -> int:
    """`pyrite train digits`: trains, prints the accuracy on the hold-out."""
    model = MODELS[arguments.model]()
    train(model, arguments.epochs)
    print(f"accuracy on the 360 held-out images: {accuracy(model):.4f}")
    if arguments.save is not None:
        torch.save(model.state_dict(), arguments.save)
    return 0
