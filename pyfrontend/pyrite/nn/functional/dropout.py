"""Dropout in its element-wise, channel-wise and self-normalising forms (L6 over `_C`).

While training, each element (or channel) becomes zero with probability `p` and the rest is scaled
by `1 / (1 - p)`; otherwise the input passes unchanged. The draws come from the default generator.
"""

from __future__ import annotations

import warnings

from pyrite import _C
from pyrite._C import Tensor
from pyrite.overrides import overridable

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]


def _check_probability(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


@overridable
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero elements at random (Hinton et al., 2012).

    Raises:
        ValueError: if `p` is outside `[0, 1]`.
    """
    if p < 0.0 or p > 1.0:
        _check_probability(p)
    return _C.dropout_(input, p, training) if inplace else _C.dropout(input, p, training)


@overridable
def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout that keeps mean and variance of a SELU network (Klambauer et al., 2017)."""
    _check_probability(p)
    function = _C.alpha_dropout_ if inplace else _C.alpha_dropout
    return function(input, p, training)


@overridable
def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels, `(N, C, ...)`."""
    _check_probability(p)
    function = _C.feature_alpha_dropout_ if inplace else _C.feature_alpha_dropout
    return function(input, p, training)


def _feature_dropout(
    input: Tensor, p: float, training: bool, inplace: bool, batched: bool
) -> Tensor:
    """Zero whole channels of `(N, C, ...)`, or of `(C, ...)` where not batched."""
    function = _C.feature_dropout_ if inplace else _C.feature_dropout
    if batched:
        return function(input, p, training)
    if inplace:
        return function(input.unsqueeze_(0), p, training).squeeze_(0)
    return function(input.unsqueeze(0), p, training).squeeze(0)


def _warn_rank(name: str, rank: int, spatial: int) -> None:
    ranks = f"{spatial + 1}D or {spatial + 2}D"
    warnings.warn(
        f"{name}: Received a {rank}-D input to {name}, which is deprecated and will result in an "
        "error in a future release. To retain the behavior and silence this warning, please use "
        f"dropout instead. Note that {name} exists to provide channel-wise dropout on inputs with "
        f"{spatial} spatial dimensions, a channel dimension, and an optional batch dimension "
        f"(i.e. {ranks} inputs).",
        stacklevel=3,
    )


@overridable
def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels of `(N, C, L)` or `(C, L)`.

    Raises:
        ValueError: if `p` is outside `[0, 1]`.
        RuntimeError: if the input is not 2-D or 3-D.
    """
    _check_probability(p)
    rank = input.dim()
    if rank not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {rank}D input. "
            "Note that dropout1d exists to provide channel-wise dropout on inputs with 1 "
            "spatial dimension, a channel dimension, and an optional batch dimension "
            "(i.e. 2D or 3D inputs)."
        )
    return _feature_dropout(input, p, training, inplace, batched=rank == 3)


@overridable
def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels of `(N, C, H, W)`; a 3-D input is read as `(N, C, L)`.

    Raises:
        ValueError: if `p` is outside `[0, 1]`.
    """
    _check_probability(p)
    rank = input.dim()
    if rank not in (3, 4):
        _warn_rank("dropout2d", rank, 2)
    if rank == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D "
            "dropout behavior is desired - input is interpreted as shape (N, C, L), where C is "
            "the channel dim. This behavior will change in a future release to interpret the "
            "input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
            "channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _feature_dropout(input, p, training, inplace, batched=True)


@overridable
def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels of `(N, C, D, H, W)` or `(C, D, H, W)`.

    Raises:
        ValueError: if `p` is outside `[0, 1]`.
    """
    _check_probability(p)
    rank = input.dim()
    if rank not in (4, 5):
        _warn_rank("dropout3d", rank, 3)
    return _feature_dropout(input, p, training, inplace, batched=rank == 5)
