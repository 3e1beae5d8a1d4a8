"""Stochastic gradient descent with momentum.

Layer L6: defaults, checks and state; the update is `_fused_sgd_`. The only state is the momentum
buffer, which starts as the first gradient.
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
    require,
    to_float,
)
from .optimizer import ParamsT

__all__ = ["SGD"]


class SGD(GroupedOptimizer):
    """Gradient descent, with momentum (Polyak) or Nesterov momentum.

    With `g = grad + weight_decay * p` and `b = momentum * b + (1 - dampening) * g`, a step is
    `p -= lr * b`, or `p -= lr * (g + momentum * b)` with `nesterov`.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        momentum: factor of the velocity; 0 keeps no state.
        dampening: how much of a new gradient the velocity leaves out.
        weight_decay: factor of the L2 penalty.
        nesterov: look ahead along the velocity; needs momentum and no dampening.
        maximize: ascend instead of descend.
        foreach: inert.
        differentiable: not available.
        fused: inert.

    Source: Sutskever et al., On the importance of initialization and momentum in deep learning,
    2013.

    Example:
        >>> w = pyrite.tensor([1.0], requires_grad=True)
        >>> optimizer = optim.SGD([w], lr=0.1, momentum=0.9)
        >>> (w**2).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([0.8000], requires_grad=True)
    """

    _sparse_support = True

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        require(momentum >= 0.0, f"Invalid momentum value: {momentum}")
        require(weight_decay >= 0.0, f"Invalid weight_decay value: {weight_decay}")
        require(
            not nesterov or (momentum > 0 and dampening == 0),
            "Nesterov momentum requires a momentum and zero dampening",
        )
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        check_implementation(defaults)
        super().__init__(params, defaults)

    def _state_of(self, group: Group, param: Tensor, grad: Tensor) -> State:
        return self.state[param] if group["momentum"] != 0 else {}

    def _update(
        self, group: Group, params: list[Tensor], grads: list[Tensor], states: list[State]
    ) -> None:
        if group["momentum"] == 0:
            self._call(group, params, grads, [], is_first_step=False)
            return
        fresh = [i for i, state in enumerate(states) if state.get("momentum_buffer") is None]
        for i in fresh:
            states[i]["momentum_buffer"] = _C.empty_like(grads[i], memory_format=_C.preserve_format)
        buffers = column(states, "momentum_buffer")
        if len(fresh) in (0, len(states)):
            self._call(group, params, grads, buffers, is_first_step=bool(fresh))
            return
        started = sorted(set(range(len(states))).difference(fresh))
        for chosen, is_first_step in ((fresh, True), (started, False)):
            lists = ([items[i] for i in chosen] for items in (params, grads, buffers))
            self._call(group, *lists, is_first_step=is_first_step)

    def _update_sparse(self, group: Group, param: Tensor, grad: Tensor, state: State) -> None:
        grad = -grad if group["maximize"] else grad
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])  # raises: it would be dense
        if group["momentum"] != 0:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = grad.clone()
            else:
                buffer = buffer.mul_(group["momentum"]).add_(grad, alpha=1 - group["dampening"])
            state["momentum_buffer"] = buffer
            grad = grad.add(buffer, alpha=group["momentum"]) if group["nesterov"] else buffer
        param.add_(grad, alpha=-to_float(group["lr"]))

    @staticmethod
    def _call(
        group: Group,
        params: list[Tensor],
        grads: list[Tensor],
        buffers: list[Tensor],
        *,
        is_first_step: bool,
    ) -> None:
        _C._fused_sgd_(
            params,
            grads,
            buffers,
            weight_decay=to_float(group["weight_decay"]),
            momentum=group["momentum"],
            lr=to_float(group["lr"]),
            dampening=group["dampening"],
            nesterov=group["nesterov"],
            maximize=group["maximize"],
            is_first_step=is_first_step,
        )
