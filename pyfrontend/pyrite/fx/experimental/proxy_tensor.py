"""Tracing of single operations with tensors that record: a door."""

from __future__ import annotations

from pyrite._doors import door_function

__all__ = ["get_proxy_mode", "make_fx"]

make_fx = door_function("fx.experimental.proxy_tensor.make_fx", "tracing of single operations")


def get_proxy_mode() -> None:
    """The mode that is tracing: None."""
