"""Adadelta: steps scaled by the ratio of two running root mean squares.

Layer L6: defaults, checks and state; the update is `_fused_adadelta_`. State: the step and running
means of the squared gradients and of the squared updates.
"""

from __future__ import annotations

from pyrite import _C
from pyrite._C import Tensor

from .grouped import (
    Group,
    GroupedOptimizer,
    State,
    check_lr,
    column,
    new_counter,
    require,
    to_float,
    zeros_like,
)
from .optimizer import ParamsT

__all__ = ["Adadelta"]


class Adadelta(GroupedOptimizer):
    """Adadelta: `p -= lr * d` with `d = sqrt(u + eps) / sqrt(v + eps) * g`.

    `v` and `u` are running means of `g * g` and `d * d`.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        rho: decay rate of both means.
        eps: added under both roots.
        weight_decay: factor of the L2 penalty.
        foreach: inert.
        capturable: not available.
        maximize: ascend instead of descend.
        differentiable: not available.

    Source: Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        require(0.0 <= rho <= 1.0, f"Invalid rho value: {rho}")
        require(eps >= 0.0, f"Invalid epsilon value: {eps}")
        require(weight_decay >= 0.0, f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _init_state(self, group: Group, param: Tensor, grad: Tensor) -> State:
        return {
            "step": new_counter(),
            "square_avg": zeros_like(param),
            "acc_delta": zeros_like(param),
        }

    def _update(
        self, group: Group, params: list[Tensor], grads: list[Tensor], states: list[State]
    ) -> None:
        _C._fused_adadelta_(
            params,
            grads,
            column(states, "square_avg"),
            column(states, "acc_delta"),
            lr=to_float(group["lr"]),
            rho=group["rho"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )
