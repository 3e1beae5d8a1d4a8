"""Functions of functions, by PyTorch's private path."""

from __future__ import annotations

from pyrite._higher_order_ops.associative_scan import associative_scan

__all__ = ["associative_scan"]
