"""Adagrad: gradients over the root of the sum of their squares.

Layer L6: defaults, checks and state; the update is `_fused_adagrad_`. State: the step and the sum
of squares, made when the optimizer is.
"""

from __future__ import annotations

from pyrite import _C
from pyrite._C import Tensor

from .grouped import (
    Group,
    GroupedOptimizer,
    State,
    check_implementation,
    check_lr,
    column,
    new_counter,
    require,
    to_float,
    with_values,
)
from .optimizer import ParamsT

__all__ = ["Adagrad"]


class Adagrad(GroupedOptimizer):
    """Adagrad: `p -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)` with `s += g * g`.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        lr_decay: how fast the rate falls with the number of steps t.
        weight_decay: factor of the L2 penalty.
        initial_accumulator_value: what the sum `s` starts with.
        eps: added to the denominator.
        foreach: inert.
        maximize: ascend instead of descend.
        differentiable: not available.
        fused: inert.

    Source: Duchi et al., Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization, 2011.
    """

    _sparse_support = True

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        require(lr_decay >= 0.0, f"Invalid lr_decay value: {lr_decay}")
        require(weight_decay >= 0.0, f"Invalid weight_decay value: {weight_decay}")
        require(
            initial_accumulator_value >= 0.0,
            f"Invalid initial_accumulator_value value: {initial_accumulator_value}",
        )
        require(eps >= 0.0, f"Invalid epsilon value: {eps}")
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        check_implementation(defaults)
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                self.state[param].update(self._init_state(group, param, param))

    def _init_state(self, group: Group, param: Tensor, grad: Tensor) -> State:
        start = group["initial_accumulator_value"]
        start = complex(start, start) if param.is_complex() else start
        total = _C.full_like(param, start, memory_format=_C.preserve_format)
        return {"step": new_counter(), "sum": total}

    def share_memory(self) -> None:
        """Move the sums of squares and the step counters to memory that processes share."""
        for group in self.param_groups:
            for param in group["params"]:
                self.state[param]["sum"].share_memory_()
                self.state[param]["step"].share_memory_()

    def _update(
        self, group: Group, params: list[Tensor], grads: list[Tensor], states: list[State]
    ) -> None:
        _C._fused_adagrad_(
            params,
            grads,
            column(states, "sum"),
            column(states, "step"),
            lr=to_float(group["lr"]),
            lr_decay=group["lr_decay"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=group["maximize"],
        )

    def _update_sparse(self, group: Group, param: Tensor, grad: Tensor, state: State) -> None:
        if group["weight_decay"] != 0:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        state["step"] += 1
        rate = to_float(group["lr"]) / (1 + (state["step"].item() - 1) * group["lr_decay"])
        grad = (-grad if group["maximize"] else grad).coalesce()
        state["sum"].add_(grad.pow(2))
        scale = state["sum"].sparse_mask(grad).values().sqrt().add_(group["eps"])
        param.add_(with_values(grad, grad.values() / scale), alpha=-rate)
