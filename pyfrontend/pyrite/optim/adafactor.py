"""Adafactor: Adam's scaling with a second moment kept as one row and one column.

Layer L6, composed of tensor operations: reductions over rows and columns and an outer product take
the time, so there is no fused native. State: the step and, for matrices, the factors `row_var` and
`col_var`, for vectors the full `variance`.
"""

from __future__ import annotations

from pyrite import _C
from pyrite._C import Tensor
from pyrite.type_info import finfo

from .grouped import (
    Group,
    GroupedOptimizer,
    State,
    check_lr,
    new_counter,
    require,
    to_float,
    zeros_like,
)
from .optimizer import ParamsT

__all__ = ["Adafactor"]


class Adafactor(GroupedOptimizer):
    """Adafactor with relative step sizes and update clipping.

    Args:
        params: tensors, named tensors or groups; real.
        lr: largest relative step, a number or a tensor of one element.
        beta2_decay: power of t in the decay of the second moment, at most 0.
        eps: smallest root of the second moment (None: the dtype's epsilon) and smallest scale of a
            parameter.
        d: root mean square above which an update is scaled down.
        weight_decay: decoupled decay of the parameters.
        foreach: inert.
        maximize: ascend instead of descend.

    Source: Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018.
    """

    _complex_support = False

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        require(beta2_decay <= 0.0, f"beta2_decay should be <= 0 but is: {beta2_decay}")
        require(eps[0] is None or eps[0] >= 0.0, f"epsilon1 should be >= 0 but is: {eps[0]}")
        require(eps[1] >= 0.0, f"epsilon2 should be >= 0 but is: {eps[1]}")
        require(d >= 1.0, f"Clipping threshold d should be >= 1 but is: {d}")
        require(weight_decay >= 0.0, f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _init_state(self, group: Group, param: Tensor, grad: Tensor) -> State:
        if grad.dim() < 2:
            return {"step": new_counter(), "variance": zeros_like(grad)}
        *batch, rows, columns = grad.shape
        return {
            "step": new_counter(),
            "row_var": grad.new_zeros([*batch, rows, 1]),
            "col_var": grad.new_zeros([*batch, 1, columns]),
        }

    def _update(
        self, group: Group, params: list[Tensor], grads: list[Tensor], states: list[State]
    ) -> None:
        lr = to_float(group["lr"])
        _, scale_floor = group["eps"]
        for param, grad, state in zip(params, grads, states, strict=True):
            step = state["step"].item()
            scale = max(scale_floor, param.norm(2).item() / param.numel() ** 0.5)
            step_size = scale * min(lr, 1 / step**0.5)
            if group["weight_decay"] != 0:
                param.mul_(1 - lr * group["weight_decay"])
            grad = -grad if group["maximize"] else grad
            update = self._normalise(group, grad, state, step ** group["beta2_decay"])
            rms = update.norm(2).item() / update.numel() ** 0.5
            param.add_(update, alpha=-step_size / max(1.0, rms / group["d"]))

    @staticmethod
    def _normalise(group: Group, grad: Tensor, state: State, weight: float) -> Tensor:
        """Refresh the second moment with this weight and divide the gradient by its root."""
        floor = group["eps"][0]
        floor = finfo(grad.dtype).eps if floor is None else floor
        moment: Tensor
        if grad.dim() < 2:
            moment = state["variance"].lerp_(grad * grad, weight).clone()
        else:
            row_var, col_var = state["row_var"], state["col_var"]
            for factor, dim in ((row_var, -1), (col_var, -2)):
                mean = _C.linalg_vector_norm(grad, 2, [dim], True).square_().div_(grad.size(dim))
                factor.lerp_(mean, weight)
            row_mean = row_var.mean(dim=-2, keepdim=True).clamp_(min=floor)
            moment = (row_var @ col_var).div_(row_mean)
        return moment.clamp_(min=floor * floor).rsqrt_().mul_(grad)
