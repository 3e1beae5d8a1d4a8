"""Normalisations as functions (L6 over `_C`).

Channels are dimension 1 of `(N, C, *)`. Batch and instance norm update the running statistics in
place while training. The argument checks that PyTorch makes in Python are made here, the shape
rules in the native operators.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyrite import _C
from pyrite._C import Tensor
from pyrite.overrides import overridable

from .pool import avg_pool2d, avg_pool3d
from .vision import pad

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]


def _check_values_per_channel(size: Sequence[int]) -> None:
    """Raise when statistics over (N, *) of `(N, C, *)` would see a single value."""
    if size[0] * math.prod(size[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {size}"
        )


@overridable
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel over the batch and space (Ioffe and Szegedy, 2015).

    Args:
        input: `(N, C, *)`.
        running_mean: `(C)`; used outside training, updated in place while training.
        running_var: `(C)`, unbiased variance; likewise.
        weight: scale, `(C)`.
        bias: shift, `(C)`.
        training: use the statistics of this batch.
        momentum: weight of this batch in the running statistics.
        eps: added to the variance.

    Raises:
        ValueError: if training on one value per channel, or eps is out of range.
    """
    if training:
        _check_values_per_channel(input.size())
        if eps <= 0.0:
            raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    return _C.batch_norm(
        input, weight, bias, running_mean, running_var, training, momentum, eps, False
    )


@overridable
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each sample over space (Ulyanov et al., 2017).

    Raises:
        ValueError: if statistics of the input are wanted and it has one spatial element.
    """
    if use_input_stats and math.prod(input.size()[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {input.size()}"
        )
    return _C.instance_norm(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, False
    )


@overridable
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last dimensions, which must be `normalized_shape` (Ba et al., 2016)."""
    return _C.layer_norm(input, normalized_shape, weight, bias, eps)


@overridable
def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divide by the root mean square over the last dimensions (Zhang and Sennrich, 2019).

    An `eps` of None means the machine epsilon of the computing dtype.
    """
    return _C.rms_norm(input, normalized_shape, weight, eps)


@overridable
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise groups of channels of each sample of `(N, C, *)` (Wu and He, 2018).

    Raises:
        RuntimeError: if the input has no channel dimension.
        ValueError: if a group has one value.
    """
    if input.dim() < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {input.dim()}"
        )
    batch, channels, *space = input.size()
    _check_values_per_channel([batch * channels // num_groups, num_groups, *space])
    return _C.group_norm(input, num_groups, weight, bias, eps)


@overridable
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by a power of the mean square over `size` neighbouring channels.

    Source: Krizhevsky et al., ImageNet Classification with Deep CNNs, 2012.

    Raises:
        ValueError: if the input is not `(N, C, *)` with at least one spatial dimension.
    """
    rank = input.dim()
    if rank < 3:
        gap = " " * 26
        raise ValueError(f"Expected 3D or higher dimensionality{gap}input (got {rank} dimensions)")
    if input.numel() == 0:
        return input
    square = input.mul(input).unsqueeze(1)  # (N, C, *) -> (N, 1, C, *)
    before, after = size // 2, (size - 1) // 2
    if rank == 3:
        window = pad(square, (0, 0, before, after))
        mean = avg_pool2d(window, (size, 1), stride=1).squeeze(1)
    else:
        window = pad(square.flatten(4) if rank > 4 else square, (0, 0, 0, 0, before, after))
        mean = avg_pool3d(window, (size, 1, 1), stride=1).squeeze(1).view(input.size())
    return input / mean.mul(alpha).add(k).pow(beta)


@overridable
def normalize(
    input: Tensor,
    p: float = 2.0,
    dim: int | tuple[int, ...] = 1,
    eps: float = 1e-12,
    out: Tensor | None = None,
) -> Tensor:
    """Divide by the p-norm over `dim`, or by `eps` where the norm is smaller."""
    norm = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return input / norm if out is None else _C.div(input, norm, out=out)
