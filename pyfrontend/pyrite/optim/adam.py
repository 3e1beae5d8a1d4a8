"""Adam: adaptive moment estimation.

Layer L6: defaults, checks and state; the update is `_fused_adam_` or, with decoupled weight decay,
`_fused_adamw_`. State: the step and running averages of the gradient and of its square.
"""

from __future__ import annotations

from pyrite import _C
from pyrite._C import Tensor

from .grouped import (
    Group,
    GroupedOptimizer,
    State,
    check_betas,
    check_implementation,
    check_lr,
    column,
    new_counter,
    require,
    to_float,
    zeros_like,
)
from .optimizer import ParamsT

__all__ = ["Adam"]


class Adam(GroupedOptimizer):
    """Adam: steps of size lr along the mean gradient over its root mean square.

    With `m` and `v` the running means of `g = grad + weight_decay * p` and `g * g`, after `t` steps
    `p -= lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)`.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        betas: decay rates of the two averages.
        eps: added to the denominator.
        weight_decay: factor of the L2 penalty.
        amsgrad: divide by the largest `v` so far (Reddi et al., On the Convergence of Adam, 2018).
        foreach: inert.
        maximize: ascend instead of descend.
        capturable: not available.
        differentiable: not available.
        fused: inert.
        decoupled_weight_decay: decay the parameters directly, as AdamW does.

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, 2014.

    Example:
        >>> model = nn.Linear(4, 1)
        >>> optimizer = optim.Adam(model.parameters(), lr=1e-2)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     model(pyrite.ones(8, 4)).square().mean().backward()
        ...     optimizer.step()
    """

    _sparse_hint = ", please consider SparseAdam instead"

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_lr(lr)
        require(eps >= 0.0, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        require(weight_decay >= 0.0, f"Invalid weight_decay value: {weight_decay}")
        require(
            all(isinstance(beta, float) for beta in betas)
            or all(isinstance(beta, Tensor) for beta in betas),
            "betas must be either both floats or both Tensors",
        )
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        check_implementation(defaults)
        super().__init__(params, defaults)

    def _init_state(self, group: Group, param: Tensor, grad: Tensor) -> State:
        state = {
            "step": new_counter(),
            "exp_avg": zeros_like(param),
            "exp_avg_sq": zeros_like(param),
        }
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_like(param)
        return state

    def _update(
        self, group: Group, params: list[Tensor], grads: list[Tensor], states: list[State]
    ) -> None:
        update = _C._fused_adamw_ if group["decoupled_weight_decay"] else _C._fused_adam_
        beta1, beta2 = group["betas"]
        update(
            params,
            grads,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            column(states, "max_exp_avg_sq") if group["amsgrad"] else [],
            column(states, "step"),
            lr=to_float(group["lr"]),
            beta1=to_float(beta1),
            beta2=to_float(beta2),
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=group["amsgrad"],
            maximize=group["maximize"],
        )
