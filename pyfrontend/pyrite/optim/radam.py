"""RAdam: Adam with a rectified adaptive rate.

Layer L6: defaults, checks and state; the update is `_fused_radam_`. State as Adam's.
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

__all__ = ["RAdam"]


class RAdam(GroupedOptimizer):
    """RAdam: Adam's step times a factor for the variance of the adaptive rate.

    While too few gradients were seen for that variance to be finite, it steps along the mean
    gradient.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        betas: decay rates of the running means of the gradient and of its square.
        eps: added to the denominator.
        weight_decay: factor of the L2 penalty, or of the decay if decoupled.
        decoupled_weight_decay: decay the parameters directly, as AdamW does.
        foreach: inert.
        maximize: ascend instead of descend.
        capturable: not available.
        differentiable: not available.

    Source: Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2019.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_moments(lr, betas, eps, weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _init_state(self, group: Group, param: Tensor, grad: Tensor) -> State:
        return {
            "step": new_counter(),
            "exp_avg": zeros_like(param),
            "exp_avg_sq": zeros_like(param),
        }

    def _update(
        self, group: Group, params: list[Tensor], grads: list[Tensor], states: list[State]
    ) -> None:
        beta1, beta2 = group["betas"]
        _C._fused_radam_(
            params,
            grads,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            column(states, "step"),
            lr=to_float(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            decoupled_weight_decay=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )
