"""AdamW: Adam with decoupled weight decay.

Layer L6: Adam with its flag set; nothing else differs.
"""

from __future__ import annotations

from typing import Any

from pyrite._C import Tensor

from .adam import Adam
from .optimizer import ParamsT

__all__ = ["AdamW"]


class AdamW(Adam):
    """Adam whose decay shrinks the parameters (`p -= lr * weight_decay * p`), not the gradients.

    Arguments are those of `Adam` without `decoupled_weight_decay`, which is True.

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2017.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))
        >>> groups = [
        ...     {"params": model[0].parameters(), "weight_decay": 0.0},
        ...     {"params": model[1].parameters(), "lr": 1e-4},
        ... ]
        >>> optimizer = optim.AdamW(groups, lr=1e-3)
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.001, 0.0001]
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Load; states written as plain Adam's still decay the parameters."""
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
