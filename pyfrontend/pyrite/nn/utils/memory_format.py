"""Memory formats of the weights of convolutions (L6)."""

from __future__ import annotations

from typing import Any, TypeVar

import pyrite
from pyrite.nn.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from pyrite.nn.module import Module

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]

_Model = TypeVar("_Model", bound=Module)


def _convert(module: _Model, kinds: Any, memory_format: pyrite.memory_format) -> _Model:
    for layer in module.modules():
        if isinstance(layer, kinds):
            layer.weight.data = layer.weight.detach().clone(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(
    module: _Model, memory_format: pyrite.memory_format
) -> _Model:
    """Lay out the weights of all two-dimensional convolutions below; returns the module."""
    return _convert(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(
    module: _Model, memory_format: pyrite.memory_format
) -> _Model:
    """Lay out the weights of all three-dimensional convolutions below; returns the module."""
    return _convert(module, (Conv3d, ConvTranspose3d), memory_format)
