"""Adam for sparse gradients: only the rows that a gradient names are touched.

Layer L6 over `_C` and sparse tensors. State: the step, and the running means of the gradient and of
its square, dense.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite.autograd.grad_mode import enable_grad, no_grad

from .grouped import Group, check_betas, require, to_float, with_values
from .optimizer import Optimizer, ParamsT

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam that leaves moments and parameters alone where the gradient has no elements.

    At the places of a sparse gradient `g` it moves `m` towards `g` and `v` towards `g * g` as Adam
    does, then `p -= lr * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + eps)`; so the moments
    of a row that is not used do not decay.

    Args:
        params: dense tensors, named tensors or groups, whose gradients are sparse.
        lr: learning rate, above 0.
        betas: decay rates of `m` and `v`.
        eps: added to the denominator, above 0.
        maximize: ascend instead of descend.

    Raises:
        ValueError: settings out of range, or sparse parameters.
        RuntimeError: on `step`, if a gradient is dense.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.SparseAdam.html
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        require(0.0 < lr, f"Invalid learning rate: {lr}")
        require(0.0 < eps, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        sparse = [
            [i, j]
            for i, group in enumerate(self.param_groups)
            for j, param in enumerate(group["params"])
            if param.layout != _C.strided
        ]
        require(
            not sparse,
            f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors",
        )

    @no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient, where it has elements.

        Args:
            closure: clears the gradients, computes the loss with its gradients and returns it.

        Returns:
            What `closure` returned, or None.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    self._update(group, param, param.grad)
        return loss

    def _update(self, group: Group, param: Tensor, grad: Tensor) -> None:
        if not grad.is_sparse:
            raise RuntimeError(
                "SparseAdam does not support dense gradients, please consider Adam instead"
            )
        state = self.state[param]
        if not state:
            state["step"] = 0
            for name in ("exp_avg", "exp_avg_sq"):
                state[name] = _C.zeros_like(param, memory_format=_C.preserve_format)
        state["step"] += 1
        grad = (-grad if group["maximize"] else grad).coalesce()
        if not grad.values().size(0):
            return
        beta1, beta2 = (to_float(beta) for beta in group["betas"])
        values = grad.values()
        mean = _moved(state["exp_avg"], grad, values, 1 - beta1)
        square = _moved(state["exp_avg_sq"], grad, values * values, 1 - beta2)
        step = state["step"]
        rate = to_float(group["lr"]) * math.sqrt(1 - beta2**step) / (1 - beta1**step)
        change = mean / (square.sqrt() + group["eps"])
        param.add_(with_values(grad, change * -rate))


def _moved(moment: Tensor, grad: Tensor, values: Tensor, share: float) -> Tensor:
    """Move a moment towards `values` at the places of `grad`; return it there."""
    old = moment.sparse_mask(grad).values()
    change = (values - old) * share
    moment.add_(with_values(grad, change))
    return old + change
