"""Initial values of parameters.

Layer: Python front end: bounds and fan numbers are computed here in double precision, every draw
and every element in the core. Invariant: the number and order of random draws are PyTorch's, so
that a seed gives the same weights. All functions work in place, under no_grad, and return the
tensor; on the meta device they draw nothing. For a tensor on a GPU the draws are the CPU's all the
same, then moved: a seed gives one curve on every device.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import pyrite
from pyrite import _C
from pyrite._C import Generator, Tensor

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

_Fill = TypeVar("_Fill", bound=Callable[..., Tensor])
_LINEAR = frozenset(
    "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d sigmoid".split()
)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the recommended gain of a nonlinearity.

    Args:
        nonlinearity: the name of the function in `nn.functional`.
        param: the negative slope of leaky_relu, 0.01 by default.

    Raises:
        ValueError: unknown name, or a slope that is no number.
    """
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {slope} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def _drawn_on_the_cpu(draw: _Fill) -> _Fill:
    """The function, with what it draws for a tensor on a GPU drawn on the CPU."""

    @functools.wraps(draw)
    def fill(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        # What is no tensor is refused by the draw, in PyTorch's words.
        if not getattr(tensor, "is_cuda", False):
            return draw(tensor, *args, **kwargs)
        drawn = draw(_C.empty_like(tensor, device="cpu", requires_grad=False), *args, **kwargs)
        with pyrite.no_grad():
            return tensor.copy_(drawn)

    return cast(_Fill, fill)


@_drawn_on_the_cpu
def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Draw from the uniform distribution on [a, b)."""
    with pyrite.no_grad():
        return tensor.uniform_(a, b, generator=generator)


@_drawn_on_the_cpu
def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Draw from the normal distribution."""
    with pyrite.no_grad():
        return tensor.normal_(mean, std, generator=generator)


@_drawn_on_the_cpu
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Draw from the normal distribution, restricted to [a, b] by rejection.

    Args:
        tensor: the tensor to fill.
        mean: of the distribution before it is cut.
        std: of the distribution before it is cut.
        a: smallest value.
        b: largest value.
        generator: the default one if None.
    """
    if tensor.is_meta:
        return tensor
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )

    def cdf(x: float) -> float:
        return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0

    mass = cdf((b - mean) / std) - cdf((a - mean) / std)
    with pyrite.no_grad():
        if mass > 0.3:
            return _reject_from_normal(tensor, mean, std, a, b, generator)
        return _reject_from_uniform(tensor, mean, std, a, b, generator)


def _reject_from_normal(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None
) -> Tensor:
    """Redraw what falls outside; every round draws for the whole tensor."""
    low = tensor.new_tensor(a, device="cpu").item()
    high = tensor.new_tensor(b, device="cpu").item()
    tensor.normal_(mean, std, generator=generator)
    outside = (tensor < low) | (tensor > high)
    while bool(outside.any()):
        redrawn = _C.empty_like(tensor).normal_(mean, std, generator=generator)
        tensor.copy_(_C.where(outside, redrawn, tensor))
        outside = (tensor < low) | (tensor > high)
    return tensor


def _reject_from_uniform(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None
) -> Tensor:
    """Accept uniform candidates with the density relative to its peak in [a, b]."""
    mode = max(a, min(mean, b))
    log_peak = -0.5 * ((mode - mean) / std) ** 2
    candidates = _C.empty_like(tensor)
    chance = _C.empty_like(tensor)

    def rejected() -> Tensor:
        log_density = candidates.sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(log_peak)
        return chance.uniform_(generator=generator).log_().gt(log_density)

    tensor.uniform_(a, b, generator=generator)
    candidates.copy_(tensor)
    pending = rejected()
    while bool(pending.any()):
        candidates.uniform_(a, b, generator=generator)
        tensor.copy_(_C.where(pending, candidates, tensor))
        pending = pending & rejected()
    return tensor


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with `val`."""
    with pyrite.no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    with pyrite.no_grad():
        return tensor.zero_()


def eye_(tensor: Tensor) -> Tensor:
    """Set a matrix to the identity, with zeros beyond the square.

    Raises:
        ValueError: `tensor` has not 2 dims.
    """
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    with pyrite.no_grad():
        tensor.zero_().diagonal().fill_(1)
    return tensor


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Make a convolution the identity on as many channels as possible.

    Args:
        tensor: weight of shape (out, in, *kernel) with 1 to 3 kernel dims.
        groups: number of groups; each keeps its own channels.

    Raises:
        ValueError: other number of dims, or `out` is no multiple of `groups`.
    """
    if tensor.ndimension() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    out_channels, in_channels, *kernel = tensor.size()
    if out_channels % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    if tensor.is_meta:
        return tensor
    per_group = out_channels // groups
    kept = min(per_group, in_channels)
    with pyrite.no_grad():
        tensor.zero_()
        centre = tensor[(slice(None), slice(None), *(size // 2 for size in kernel))]
        for group in range(groups):
            block = centre.narrow(0, group * per_group, kept).narrow(1, 0, kept)
            block.diagonal().fill_(1)
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """The numbers of values that reach one output, and that one input reaches."""
    if tensor.dim() < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    fan_out, fan_in, *kernel = tensor.shape
    receptive_field = math.prod(kernel)
    return fan_in * receptive_field, fan_out * receptive_field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    valid_modes = ["fan_in", "fan_out"]
    if mode not in valid_modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {valid_modes}")
    return _calculate_fan_in_and_fan_out(tensor)[valid_modes.index(mode)]


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Draw uniformly so that forward and backward keep the variance.

    Source: Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward
    neural networks.

    Raises:
        ValueError: fewer than 2 dims.

    Example:
        >>> w = nn.init.xavier_uniform_(pyrite.empty(3, 5), gain=nn.init.calculate_gain("relu"))
        >>> w.abs().max().item() <= (2 * 6 / (3 + 5)) ** 0.5
        True
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """As `xavier_uniform_`, from the normal distribution."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    return normal_(tensor, 0.0, std, generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Draw uniformly so that one direction keeps the variance behind a rectifier.

    Source: He et al. 2015, Delving deep into rectifiers.

    Args:
        tensor: weight with 2 dims at least.
        a: negative slope behind the layer, for leaky_relu.
        mode: "fan_in" keeps the variance forward, "fan_out" backward.
        nonlinearity: name for `calculate_gain`.
        generator: the default one if None.

    Raises:
        ValueError: unknown mode or nonlinearity, fewer than 2 dims.
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """As `kaiming_uniform_`, from the normal distribution."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


@_drawn_on_the_cpu
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Set a matrix (dims behind the first count as one) to random orthonormal rows or columns.

    Source: Saxe et al. 2013, Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks.

    Raises:
        ValueError: fewer than 2 dims.
    """
    if tensor.ndimension() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0 or tensor.is_meta:
        return tensor
    rows = tensor.size(0)
    cols = tensor.numel() // rows
    with pyrite.no_grad():
        drawn = tensor.new_empty((rows, cols)).normal_(0, 1, generator=generator)
        wide = rows < cols
        q, r = _C.linalg_qr(drawn.t() if wide else drawn)
        q *= r.diagonal().sign()  # the factorisation is unique up to these signs
        tensor.view_as(q.t() if wide else q).copy_(q.t() if wide else q)
        tensor.mul_(gain)
    return tensor


@_drawn_on_the_cpu
def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Draw a matrix from N(0, std) and set a fraction of each column to zero.

    Source: Martens 2010, Deep learning via Hessian-free optimization.

    Args:
        tensor: matrix of shape (rows, columns).
        sparsity: fraction of zeros in a column.
        std: of the other values.
        generator: for the values only; the places of the zeros come from the default generator.

    Raises:
        ValueError: `tensor` has not 2 dims.
    """
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    if tensor.is_meta:
        return tensor
    rows, cols = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with pyrite.no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(cols):
            tensor[_C.randperm(rows)[:zeros], column] = 0
    return tensor


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The name without underscore, which older programs use."""
    new_name = function.__name__
    old_name = new_name[:-1]

    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{old_name}` is now deprecated in favor of `nn.init.{new_name}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    renamed.__name__ = renamed.__qualname__ = old_name
    renamed.__doc__ = f"Deprecated name of `{new_name}`."
    return renamed


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
