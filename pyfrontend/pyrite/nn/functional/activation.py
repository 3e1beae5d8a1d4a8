"""Activations, softmaxes and gates as functions (L6: signatures over `_C`).

Every function maps a tensor of any shape to one of the same shape (glu halves a dimension).
`inplace=True` overwrites the input through the native in-place form and returns it.
"""

from __future__ import annotations

import warnings

from pyrite import _C
from pyrite._C import (
    Tensor,
    celu_,
    elu_,
    gelu,
    hardshrink,
    hardtanh_,
    leaky_relu_,
    prelu,
    relu_,
    rrelu_,
    selu_,
    softplus,
    softshrink,
    threshold_,
)
from pyrite._C import log_sigmoid as logsigmoid
from pyrite.overrides import overridable

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]


@overridable
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Keep elements above `threshold` and replace the others by `value`."""
    function = _C.threshold_ if inplace else _C.threshold
    return function(input, threshold, value)


@overridable
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Rectified linear unit, `max(x, 0)`."""
    return _C.relu_(input) if inplace else _C.relu(input)


@overridable
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """`min(max(x, 0), 6)`."""
    return _C.relu6_(input) if inplace else _C.relu6(input)


@overridable
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Gated linear unit: `a * sigmoid(b)` for the two halves of `dim`.

    Source: Dauphin et al., Language Modeling with Gated Convolutional Networks, 2017.

    Raises:
        RuntimeError: if the input has no dimension or `dim` is odd.
    """
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    return _C.glu(input, dim)


@overridable
def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """Clamp to `[min_val, max_val]`, with gradient zero outside.

    Raises:
        ValueError: if `min_val > max_val`.
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    function = _C.hardtanh_ if inplace else _C.hardtanh
    return function(input, min_val, max_val)


@overridable
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Exponential linear unit: `x` for `x > 0`, else `alpha * (exp(x) - 1)`."""
    return _C.elu_(input, alpha) if inplace else _C.elu(input, alpha)


@overridable
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Self-normalising ELU (Klambauer et al., 2017), with its fixed scale and alpha."""
    return _C.selu_(input) if inplace else _C.selu(input)


@overridable
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Continuously differentiable ELU: `max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`."""
    return _C.celu_(input, alpha) if inplace else _C.celu(input, alpha)


@overridable
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """`x` for `x > 0`, else `negative_slope * x`."""
    function = _C.leaky_relu_ if inplace else _C.leaky_relu
    return function(input, negative_slope)


@overridable
def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """Leaky ReLU whose slope is drawn from `U(lower, upper)` per element while training.

    Outside training the slope is the mean of the two bounds.
    """
    function = _C.rrelu_ if inplace else _C.rrelu
    return function(input, lower, upper, training)


@overridable
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """`relu6(x + 3) / 6`."""
    return _C.hardsigmoid_(input) if inplace else _C.hardsigmoid(input)


@overridable
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """`x * relu6(x + 3) / 6` (Howard et al., Searching for MobileNetV3, 2019)."""
    return _C.hardswish_(input) if inplace else _C.hardswish(input)


@overridable
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Sigmoid linear unit (swish): `x * sigmoid(x)`."""
    return _C.silu_(input) if inplace else _C.silu(input)


@overridable
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """`x * tanh(softplus(x))` (Misra, 2019)."""
    return _C.mish_(input) if inplace else _C.mish(input)


def sigmoid(input: Tensor) -> Tensor:
    """`1 / (1 + exp(-x))`."""
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return input.tanh()


@overridable
def tanhshrink(input: Tensor) -> Tensor:
    """`x - tanh(x)`."""
    return input - input.tanh()


@overridable
def softsign(input: Tensor) -> Tensor:
    """`x / (1 + |x|)`."""
    return input / (input.abs() + 1)


def _implicit_dim(name: str, ndim: int, stacklevel: int) -> int:
    """Return the dimension PyTorch picks when `dim` is not given, with its warning."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. "
        "Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


@overridable
def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: _C.dtype | None = None
) -> Tensor:
    """`exp(x)` normalised to sum one along `dim`; the input is cast to `dtype` first if given.

    Example:
        >>> F.softmax(pyrite.tensor([0.0, 0.0, 0.0, 0.0]), dim=0)
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    if dim is None:
        dim = _implicit_dim("softmax", input.dim(), _stacklevel)
    return input.softmax(dim) if dtype is None else input.softmax(dim, dtype=dtype)


@overridable
def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: _C.dtype | None = None
) -> Tensor:
    """`softmax(-x)` along `dim`."""
    if dim is None:
        dim = _implicit_dim("softmin", input.dim(), _stacklevel)
    return softmax(-input, dim, dtype=dtype)


@overridable
def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: _C.dtype | None = None
) -> Tensor:
    """`log(softmax(x))` along `dim`, computed without overflow."""
    if dim is None:
        dim = _implicit_dim("log_softmax", input.dim(), _stacklevel)
    return input.log_softmax(dim) if dtype is None else input.log_softmax(dim, dtype=dtype)


@overridable
def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Sample the Gumbel-Softmax distribution along `dim`.

    Source: Jang et al., Categorical Reparameterization with Gumbel-Softmax, 2017.

    Args:
        logits: unnormalised log probabilities, `(..., classes)`.
        tau: temperature.
        hard: return one-hot samples whose gradient is that of the soft ones (straight through).
        eps: deprecated, without effect; another value warns.
        dim: dimension of the classes.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -_C.empty_like(logits, memory_format=_C.contiguous_format).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one_hot = _C.zeros_like(logits, memory_format=_C.contiguous_format)
    one_hot = one_hot.scatter_(dim, index, 1.0)
    return one_hot - soft.detach() + soft
