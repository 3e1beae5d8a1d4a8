"""Classifiers for 8 x 8 digit images: a convolutional one and a plain one."""

from __future__ import annotations

from pyrite import nn


def cnn() -> nn.Sequential:
    """Two convolutions, each halved by pooling, then a linear layer: (N, 1, 8, 8) -> (N, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, 32, kernel_size=3, padding=1),  # (N, 1, 8, 8) -> (N, 32, 8, 8)
        nn.ReLU(),
        nn.MaxPool2d(2),  # -> (N, 32, 4, 4)
        nn.Conv2d(32, 64, kernel_size=3, padding=1),  # -> (N, 64, 4, 4)
        nn.ReLU(),
        nn.MaxPool2d(2),  # -> (N, 64, 2, 2)
        nn.Flatten(),  # -> (N, 256)
        nn.Linear(256, 10),
    )


def mlp() -> nn.Sequential:
    """One hidden layer: (N, 1, 8, 8) -> (N, 10)."""
    return nn.Sequential(
        nn.Flatten(),  # (N, 1, 8, 8) -> (N, 64)
        nn.Linear(64, 512),
        nn.ReLU(),
        nn.Linear(512, 10),
    )


MODELS = {"cnn": cnn, "mlp": mlp}
