"""Adamax: Adam with the infinity norm.

Layer L6: defaults, checks and state; the update is `_fused_adamax_`. State: the step, the mean
gradient and its exponentially weighted infinity norm.
"""

from __future__ import annotations

from pyrite import _C
from pyrite._C import Tensor

from .grouped import (
    Group,
    GroupedOptimizer,
    State,
    check_moments,
    column,
    new_counter,
    to_float,
    zeros_like,
)
from .optimizer import ParamsT

__all__ = ["Adamax"]


class Adamax(GroupedOptimizer):
    """Adamax: `p -= lr / (1 - beta1**t) * m / u` with `u = max(beta2 * u, |g| + eps)`.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        betas: decay rates of the mean gradient `m` and of the norm `u`.
        eps: added to the size of the gradient.
        weight_decay: factor of the L2 penalty.
        foreach: inert.
        maximize: ascend instead of descend.
        differentiable: not available.
        capturable: not available.

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, section 7.1, 2014.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_moments(lr, betas, eps, weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _init_state(self, group: Group, param: Tensor, grad: Tensor) -> State:
        return {
            "step": new_counter(),
            "exp_avg": zeros_like(param),
            "exp_inf": zeros_like(param),
        }

    def _update(
        self, group: Group, params: list[Tensor], grads: list[Tensor], states: list[State]
    ) -> None:
        beta1, beta2 = group["betas"]
        _C._fused_adamax_(
            params,
            grads,
            column(states, "exp_avg"),
            column(states, "exp_inf"),
            column(states, "step"),
            lr=to_float(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=group["maximize"],
        )
