"""Logging for TensorBoard, through the package `tensorboard` (the extra of that name)."""

from .writer import SummaryWriter

__all__ = ["SummaryWriter"]
