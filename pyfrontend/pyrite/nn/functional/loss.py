"""Classification and regression losses as functions (L6 over `_C`).

`reduction` is "none" (one loss per element or sample), "mean" or "sum"; the deprecated
`size_average` and `reduce` win over it where given. Margin and distance losses are in
margin_loss.py.
"""

from __future__ import annotations

import math
import warnings

from pyrite import _C
from pyrite._C import Tensor
from pyrite.overrides import overridable

from .._reduction import get_enum, resolve
from .linear import linear

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "ctc_loss",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "linear_cross_entropy",
    "mse_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


@overridable
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross entropy between logits and classes or class probabilities.

    Args:
        input: logits, `(C)`, `(N, C)` or `(N, C, *)`.
        target: int64 classes, `()`, `(N)` or `(N, *)`; or probabilities shaped as `input`.
        weight: weight of each class, `(C)`.
        size_average: deprecated, see `reduction`.
        ignore_index: a class that counts nothing.
        reduce: deprecated, see `reduction`.
        reduction: "none", "mean" (over the weights of the targets) or "sum".
        label_smoothing: share of the target spread over all classes, in [0, 1].

    Example:
        >>> F.cross_entropy(pyrite.tensor([[2.0, 0.0]]), pyrite.tensor([1]))
        tensor(2.1269)
    """
    number = get_enum(resolve(reduction, size_average, reduce))
    return _C.cross_entropy_loss(input, target, weight, number, ignore_index, label_smoothing)


@overridable
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log likelihood of classes: log probabilities `(N, C, *)`, classes `(N, *)`."""
    number = get_enum(resolve(reduction, size_average, reduce))
    return _C.nll_loss_nd(input, target, weight, number, ignore_index)


@overridable
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: None = None,
) -> Tensor:
    """`cross_entropy(linear(input, linear_weight, linear_bias), target)`.

    Args:
        input: features, `(in)` or `(N, in)`.
        linear_weight: `(C, *out, in)`.
        target: classes, `()`, `(N)` or `(N, *out)`; or probabilities `(N, C, *out)`.
        linear_bias: `(C, *out)`.
        weight: weight of each class, `(C)`.
        reduction: "none", "mean" or "sum".
        ignore_index: a class that counts nothing (-100 if None); not with probabilities.
        label_smoothing: see `cross_entropy`.
        options: chunked evaluation; not available.

    Raises:
        RuntimeError: if shapes do not fit.
        NotImplementedError: if `options` are given.
    """
    if options is not None:
        raise NotImplementedError("linear_cross_entropy: options (chunked evaluation)")
    _check_linear(input, linear_weight, linear_bias)
    *batch, in_features = input.shape
    classes = tuple(linear_weight.shape[:-1])  # (C, *out)
    if ignore_index is None:
        ignore_index = -100
    elif tuple(target.shape) == (*batch, *classes):
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = linear(input, linear_weight.reshape(-1, in_features), bias).reshape(*batch, *classes)
    return cross_entropy(
        logits,
        target,
        weight=weight,
        reduction=reduction,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
    )


def _check_linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    """Check the shapes of `linear_cross_entropy`."""
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if weight.dim() < 2:
        raise RuntimeError(
            f"expected linear_weight with dimensionality at least 2, got {weight.dim()}"
        )
    *classes, in_features = weight.shape
    if input.shape[-1] != in_features:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), "
            f"got {input.shape[-1]} and {in_features}, respectively"
        )
    if bias is not None and tuple(bias.shape) != tuple(classes):
        raise RuntimeError(f"expected linear_bias shape {tuple(classes)}, got {tuple(bias.shape)}")
    if len(classes) > 1 and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(weight.shape)} "
            f"requires batched input, (N, {in_features}), "
            f"got unbatched input with shape {tuple(input.shape)}"
        )


@overridable
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Cross entropy of probabilities and targets in [0, 1], both of one shape.

    Raises:
        ValueError: if the shapes differ.
    """
    number = get_enum(resolve(reduction, size_average, reduce))
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}) is deprecated. Please ensure they have the same size."
        )
    return _C.binary_cross_entropy(input, target, weight, number)


@overridable
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Cross entropy of `sigmoid(input)` and targets in [0, 1], without overflow.

    Args:
        input: logits, any shape.
        target: shaped as `input`.
        weight: factor of each element, broadcast.
        size_average: deprecated, see `reduction`.
        reduce: deprecated, see `reduction`.
        reduction: "none", "mean" or "sum".
        pos_weight: factor of the positive term, broadcast.

    Raises:
        ValueError: if the shapes differ.
    """
    number = get_enum(resolve(reduction, size_average, reduce))
    if target.size() != input.size():
        raise ValueError(
            f"Target size ({target.size()}) must be the same as input size ({input.size()})"
        )
    return _C.binary_cross_entropy_with_logits(input, target, weight, pos_weight, number)


@overridable
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Kullback-Leibler divergence of log probabilities `input` from `target`.

    The reduction "batchmean" (sum over the batch size) is the mathematical definition; "mean"
    divides by the number of elements and warns.
    """
    legacy = size_average is not None or reduce is not None
    if reduction == "mean" and not legacy:
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next major "
            "release.",
            stacklevel=2,
        )
    batchmean = reduction == "batchmean"
    number = get_enum(resolve("sum" if batchmean else reduction, size_average, reduce))
    divergence = _C.kl_div(input, target, number, log_target=log_target)
    return divergence / input.size(0) if batchmean and input.dim() != 0 else divergence


def _warn_size_mismatch(input: Tensor, target: Tensor) -> None:
    warnings.warn(
        f"Using a target size ({target.size()}) that is different to the input size "
        f"({input.size()}). This will likely lead to incorrect results due to broadcasting. "
        "Please ensure they have the same size.",
        stacklevel=3,
    )


def _check_weight_size(input: Tensor, weight: Tensor) -> None:
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")


def _reduce(loss: Tensor, reduction: str, total: Tensor | None = None) -> Tensor:
    """Reduce elementwise losses; a mean divides by `total` where given, else by their number."""
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    if reduction == "mean":
        return loss.mean() if total is None else loss.sum() / total
    raise ValueError(f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.")


@overridable
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Squared differences; a mean with `weight` divides by the sum of the weights."""
    if target.size() != input.size():
        _warn_size_mismatch(input, target)
    reduction = resolve(reduction, size_average, reduce)
    if weight is None:
        return _C.mse_loss(input, target, get_enum(reduction))
    _check_weight_size(input, weight)
    return _reduce((input - target).square() * weight, reduction, weight.sum())


@overridable
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Absolute differences; a mean with `weight` divides by the sum of the weights."""
    if target.size() != input.size():
        _warn_size_mismatch(input, target)
    reduction = resolve(reduction, size_average, reduce)
    if weight is None:
        return _C.l1_loss(input, target, get_enum(reduction))
    _check_weight_size(input, weight)
    return _reduce((input - target).abs() * weight, reduction, weight.sum())


@overridable
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Differences squared over `2 * beta` below `beta`, absolute minus `beta / 2` above."""
    if target.size() != input.size():
        _warn_size_mismatch(input, target)
    number = get_enum(resolve(reduction, size_average, reduce))
    if beta == 0.0:
        return _C.l1_loss(input, target, number)
    return _C.smooth_l1_loss(input, target, number, beta)


@overridable
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """`delta` times the smooth L1 loss with `beta = delta` (Huber, 1964)."""
    if target.size() != input.size():
        _warn_size_mismatch(input, target)
    if weight is None:
        return _C.huber_loss(input, target, get_enum(reduction), delta)
    _check_weight_size(input, weight)
    return _reduce(_C.huber_loss(input, target, get_enum("none"), delta) * weight, reduction)


@overridable
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log likelihood of Poisson counts.

    Args:
        input: log rate, or rate if not `log_input`.
        target: counts.
        log_input: whether `input` is a logarithm.
        full: add Stirling's approximation of `log(target!)`.
        size_average: deprecated, see `reduction`.
        eps: added to a rate before its logarithm.
        reduce: deprecated, see `reduction`.
        reduction: "none", "mean" or "sum".
    """
    number = get_enum(resolve(reduction, size_average, reduce))
    return _C.poisson_nll_loss(input, target, log_input, full, eps, number)


@overridable
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Negative log likelihood under a normal distribution (Nix and Weigend, 1994).

    Args:
        input: mean.
        target: sample, broadcast with `input`.
        var: variance: a number, shaped as `input`, without its last dimension, or with size 1 in
            one dimension.
        full: add the constant term.
        eps: lower bound of the variance; the bound has no gradient.
        reduction: "none", "mean" or "sum".

    Raises:
        ValueError: if a variance is negative or of another shape.
    """
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * _C.ones_like(input)
    elif (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        elif not _differs_by_one_unit_dim(input, var):
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    var = var.clone()
    var.detach().clamp_(min=eps)
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduce(loss, reduction)


def _differs_by_one_unit_dim(input: Tensor, var: Tensor) -> bool:
    if input.dim() != var.dim():
        return False
    pairs = zip(input.size(), var.size(), strict=True)
    return [narrow for wide, narrow in pairs if wide != narrow] == [1]


@overridable
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Connectionist temporal classification (Graves et al., 2006).

    Args:
        log_probs: `(T, N, C)` or `(T, C)`, log probabilities.
        targets: classes, `(N, S)` or all sequences joined, `(sum of lengths)`.
        input_lengths: `(N)` or `()`.
        target_lengths: `(N)` or `()`.
        blank: class of the blank.
        reduction: "none", "mean" (losses over target lengths, then over the batch) or "sum".
        zero_infinity: make infinite losses and their gradients zero.
    """
    return _C.ctc_loss(
        log_probs,
        targets,
        input_lengths,
        target_lengths,
        blank,
        get_enum(reduction),
        zero_infinity,
    )
