"""Weight normalization: a weight as its direction times its length.

Layer: Python front end, tensor algebra only. Source: Salimans and Kingma 2016, Weight
normalization. Invariant: the length has the weight's dims with size 1 in all but `dim`, as the
checkpoints of PyTorch have. `parametrizations.weight_norm` is the form for new programs.
"""

from __future__ import annotations

import warnings
from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite.nn.parameter import Parameter, is_lazy

__all__ = ["WeightNorm", "remove_weight_norm", "weight_norm"]


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """Euclidean length over all dims but `dim` (-1: over all), which is kept."""
    if dim == -1:
        return _C.linalg_vector_norm(v, 2)
    others = [d for d in range(v.dim()) if d != dim]
    if not others:
        return v.abs()
    return _C.linalg_vector_norm(v, 2, others, keepdim=True)


def compose_weight(g: Tensor, v: Tensor, dim: int) -> Tensor:
    """Direction of `v` with length `g`."""
    return v * (g / norm_except_dim(v, dim))


class WeightNorm:
    """The forward pre-hook that recomputes the weight from its two parameters.

    Args:
        name: of the weight; the parameters are `name`_g and `name`_v.
        dim: the dim with a length for each index, None for one length.
    """

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Any) -> Tensor:
        """The weight of `module` for its present parameters."""
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return compose_weight(g, v, self.dim)

    @staticmethod
    def apply(module: Any, name: str, dim: int | None) -> WeightNorm:
        """Split the weight of `module` and register the hook."""
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm) and hook.name == name:
                raise RuntimeError(
                    f"Cannot register two weight_norm hooks on the same parameter {name}"
                )
        weight = getattr(module, name)
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `WeightNorm` can't have uninitialized parameters. Make sure "
                "to run the dummy forward before applying weight normalization"
            )
        hook = WeightNorm(name, dim)
        del module._parameters[name]
        module.register_parameter(name + "_g", Parameter(norm_except_dim(weight, hook.dim).data))
        module.register_parameter(name + "_v", Parameter(weight.data))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module: Any) -> None:
        """Make the weight one parameter again."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"]
        del module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.data))

    def __call__(self, module: Any, inputs: Any) -> None:
        """Recompute the weight, before a forward."""
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Replace a parameter of `module` by length and direction; returns the module.

    Deprecated in PyTorch in favour of `parametrizations.weight_norm`.

    Args:
        module: the module.
        name: of the parameter.
        dim: the dim with a length for each index, None for one length over all.

    Raises:
        RuntimeError: it is normalized already.
        ValueError: the parameter has no shape yet.
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of "
        "`torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Undo `weight_norm`; returns the module.

    Raises:
        ValueError: the parameter is not normalized.
    """
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")
