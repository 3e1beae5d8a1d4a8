"""Folding of batch normalization, in evaluation mode, into the layer before it (L6)."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import pyrite
from pyrite._C import Tensor
from pyrite.nn.module import Module
from pyrite.nn.parameter import Parameter

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]

_Layer = TypeVar("_Layer", bound=Module)


def _fused(
    weight: Tensor, bias: Tensor | None, bn: tuple[Any, ...], shape: list[int]
) -> tuple[Parameter, Parameter]:
    """Weight and bias after scaling by the normalization; `shape` spreads the scale."""
    mean, variance, eps, scale, shift = bn
    bias = pyrite.zeros_like(mean) if bias is None else bias
    scale = pyrite.ones_like(mean) if scale is None else scale
    shift = pyrite.zeros_like(mean) if shift is None else shift
    factor = scale * pyrite.rsqrt(variance + eps)
    fused_weight = (weight * factor.reshape(shape)).to(dtype=weight.dtype)
    fused_bias = ((bias - mean) * factor + shift).to(dtype=bias.dtype)
    return Parameter(fused_weight, weight.requires_grad), Parameter(fused_bias, bias.requires_grad)


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution that normalizes its result.

    Args:
        conv_w: weight of the convolution.
        conv_b: its bias, or None.
        bn_rm: running mean of the normalization.
        bn_rv: running variance.
        bn_eps: what is added to the variance.
        bn_w: its weight, or None.
        bn_b: its bias, or None.
        transpose: the convolution is a transposed one.
    """
    ones = [1] * (conv_w.dim() - 2)
    shape = [1, -1, *ones] if transpose else [-1, 1, *ones]
    return _fused(conv_w, conv_b, (bn_rm, bn_rv, bn_eps, bn_w, bn_b), shape)


def _statistics(bn: Any) -> tuple[Any, ...]:
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    return bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias


def fuse_conv_bn_eval(conv: _Layer, bn: Module, transpose: bool = False) -> _Layer:
    """A convolution that does what `conv` and then `bn` do in evaluation mode.

    Args:
        conv: the convolution.
        bn: the normalization after it.
        transpose: `conv` is a transposed one.

    Raises:
        AssertionError: one of them is in training mode, or `bn` has no running statistics.
    """
    if conv.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    fused: Any = copy.deepcopy(conv)
    mean, variance, eps, weight, bias = _statistics(bn)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, mean, variance, eps, weight, bias, transpose
    )
    result: _Layer = fused
    return result


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a linear layer that normalizes its result.

    Args:
        linear_w: weight of the layer.
        linear_b: its bias, or None.
        bn_rm: running mean of the normalization.
        bn_rv: running variance.
        bn_eps: what is added to the variance.
        bn_w: its weight.
        bn_b: its bias.
    """
    return _fused(linear_w, linear_b, (bn_rm, bn_rv, bn_eps, bn_w, bn_b), [-1, 1])


def fuse_linear_bn_eval(linear: _Layer, bn: Module) -> _Layer:
    """A linear layer that does what `linear` and then `bn` do in evaluation mode.

    Raises:
        AssertionError: one of them is in training mode, or the numbers of features differ.
    """
    if linear.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if getattr(linear, "out_features", None) != bn.num_features and bn.num_features != 1:
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    fused: Any = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(fused.weight, fused.bias, *_statistics(bn))
    result: _Layer = fused
    return result
