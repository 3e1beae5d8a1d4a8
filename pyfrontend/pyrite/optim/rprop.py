"""Rprop: resilient backpropagation.

Layer L6: defaults, checks and state; the update is `_fused_rprop_`. State: the step, the last
gradient and a step size for each element.
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

__all__ = ["Rprop"]


class Rprop(GroupedOptimizer):
    """Steps by the sign of the gradient with a size that grows while the sign stays; full batches.

    Args:
        params: tensors, named tensors or groups.
        lr: the step size to start with, a number or a tensor of one element.
        etas: factors for a changed and for an unchanged sign.
        step_sizes: smallest and largest step size.
        capturable: not available.
        foreach: inert.
        maximize: ascend instead of descend.
        differentiable: not available.

    Source: Riedmiller and Braun, A direct adaptive method for faster backpropagation learning: the
    RPROP algorithm, 1993.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        require(0.0 < etas[0] < 1.0 < etas[1], f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _init_state(self, group: Group, param: Tensor, grad: Tensor) -> State:
        size = to_float(group["lr"])
        return {
            "step": new_counter(),
            "prev": zeros_like(param),
            "step_size": _C.full_like(grad, complex(size, size) if param.is_complex() else size),
        }

    def _update(
        self, group: Group, params: list[Tensor], grads: list[Tensor], states: list[State]
    ) -> None:
        etaminus, etaplus = group["etas"]
        step_size_min, step_size_max = group["step_sizes"]
        _C._fused_rprop_(
            params,
            grads,
            column(states, "prev"),
            column(states, "step_size"),
            etaminus=etaminus,
            etaplus=etaplus,
            step_size_min=step_size_min,
            step_size_max=step_size_max,
            maximize=group["maximize"],
        )
