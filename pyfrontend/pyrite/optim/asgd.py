"""Averaged stochastic gradient descent.

Layer L6: defaults, checks and state; the update is `_fused_asgd_`. State: the step, its rate `eta`,
the weight `mu` of the average and the average `ax` of the parameters.
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

__all__ = ["ASGD"]


class ASGD(GroupedOptimizer):
    """Gradient descent that also keeps the average of the parameters, in the state as `ax`.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        lambd: decay of the parameters and of the rate.
        alpha: power by which the rate falls, `eta = lr / (1 + lambd * lr * t)**alpha`.
        t0: step at which averaging starts.
        weight_decay: factor of the L2 penalty.
        foreach: inert.
        maximize: ascend instead of descend.
        differentiable: not available.
        capturable: not available.

    Source: Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        require(weight_decay >= 0.0, f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
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
            "eta": new_counter(to_float(group["lr"])),
            "mu": new_counter(1.0),
            "ax": zeros_like(param),
        }

    def _update(
        self, group: Group, params: list[Tensor], grads: list[Tensor], states: list[State]
    ) -> None:
        _C._fused_asgd_(
            params,
            grads,
            column(states, "ax"),
            column(states, "mu"),
            column(states, "eta"),
            column(states, "step"),
            lr=to_float(group["lr"]),
            lambd=group["lambd"],
            alpha=group["alpha"],
            t0=group["t0"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )
