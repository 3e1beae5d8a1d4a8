"""Tensors that stand for others while PyTorch compiles: a door."""

from __future__ import annotations

from pyrite._doors import door_class

__all__ = ["FakeTensor", "FakeTensorMode", "is_fake"]

_MISSING = "fake tensors (shapes alone are `meta` tensors)"

FakeTensor = door_class("_subclasses.fake_tensor.FakeTensor", _MISSING)
FakeTensorMode = door_class("_subclasses.fake_tensor.FakeTensorMode", _MISSING)


def is_fake(x: object) -> bool:
    """Whether `x` is a fake tensor: False."""
    return False
