"""Muon: momentum whose update is orthogonalised.

Layer L6, composed of tensor operations: matrix products take the time, so there is no fused native.
State: the momentum buffer.
"""

from __future__ import annotations

import math

from pyrite import _C
from pyrite._C import Tensor

from .grouped import (
    Group,
    GroupedOptimizer,
    State,
    check_lr,
    require,
    to_float,
    zeros_like,
)
from .optimizer import ParamsT

__all__ = ["Muon"]

_ADJUSTMENTS = (None, "original", "match_rms_adamw")


class Muon(GroupedOptimizer):
    """Muon, for the matrices of hidden layers; use AdamW for the other parameters.

    Args:
        params: matrices, named matrices or groups of them.
        lr: learning rate, before the adjustment to the matrix's shape.
        weight_decay: decoupled decay of the parameters.
        momentum: decay rate of the running mean of the gradient.
        nesterov: look ahead along the mean.
        ns_coefficients: coefficients of the Newton-Schulz polynomial.
        eps: smallest norm to divide by.
        ns_steps: number of Newton-Schulz iterations, below 100.
        adjust_lr_fn: "original" (or None) scales by sqrt(max(1, rows / columns)),
            "match_rms_adamw" by 0.2 * sqrt(max(rows, columns)).

    Source: Jordan, Muon: An optimizer for hidden layers in neural networks, 2024; Liu et al., Muon
    is Scalable for LLM Training, 2025.
    """

    _complex_support = False

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        require(momentum >= 0.0, f"momentum should be >= 0 but is: {momentum}")
        require(weight_decay >= 0.0, f"weight decay should be >= 0 but is: {weight_decay}")
        require(
            adjust_lr_fn in _ADJUSTMENTS,
            f"Adjust learning rate function {adjust_lr_fn} is not supported",
        )
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                require(
                    param.dim() == 2,
                    "Muon only supports 2D parameters whereas we found a parameter with size: "
                    f"{param.size()}",
                )

    def _init_state(self, group: Group, param: Tensor, grad: Tensor) -> State:
        return {"momentum_buffer": zeros_like(grad)}

    def _update(
        self, group: Group, params: list[Tensor], grads: list[Tensor], states: list[State]
    ) -> None:
        lr, momentum = to_float(group["lr"]), group["momentum"]
        for param, grad, state in zip(params, grads, states, strict=True):
            update = state["momentum_buffer"].lerp_(grad, 1 - momentum)
            if group["nesterov"]:
                update = grad.lerp(update, momentum)
            update = _orthogonalise(
                update, group["ns_coefficients"], group["ns_steps"], group["eps"]
            )
            param.mul_(1 - lr * group["weight_decay"])
            param.add_(update, alpha=-lr * _shape_factor(group["adjust_lr_fn"], *param.shape))


def _shape_factor(adjust_lr_fn: str | None, rows: int, columns: int) -> float:
    if adjust_lr_fn == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))


def _orthogonalise(
    matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """Nearest semi-orthogonal matrix, roughly, by Newton-Schulz iteration in bfloat16.

    Each step maps the singular values s to a*s + b*s^3 + c*s^5, which drives them towards one.
    """
    require(steps < 100, "Number of steps must be less than 100 for computational efficiency")
    require(len(coefficients) == 3, "Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    tall = matrix.size(0) > matrix.size(1)
    x = matrix.bfloat16()
    x = x.T if tall else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = _C.addmm(x, _C.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
