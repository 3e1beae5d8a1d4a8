"""Ready-made parametrizations.

Layer: Python front end, on `parametrize`. Holds weight normalization; checkpoints of the older
`nn.utils.weight_norm` load too.
"""

from __future__ import annotations

from typing import Any

from pyrite._C import Tensor
from pyrite.nn.module import Module
from pyrite.nn.utils import parametrize
from pyrite.nn.utils.weight_norm import compose_weight, norm_except_dim

__all__ = ["weight_norm"]


class _WeightNorm(Module):
    """A weight as length `original0` times direction `original1`."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """Compose the weight."""
        return compose_weight(weight_g, weight_v, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Split a weight; its direction keeps the weight's length."""
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Compute a parameter of `module` from length and direction; returns the module.

    Source: Salimans and Kingma 2016, Weight normalization.

    Args:
        module: the module.
        name: of the parameter.
        dim: the dim with a length for each index, None for one length over all.

    Raises:
        ValueError: there is no such parameter.
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def read_older(state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
        older = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in older):
            for i, key in enumerate(older):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(read_older)
    return module
