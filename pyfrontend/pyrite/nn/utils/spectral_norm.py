"""Spectral normalization: a weight divided by its largest singular value.

Layer L6, tensor algebra only. Source: Miyato et al. 2018, Spectral normalization for generative
adversarial networks. The singular vectors are followed by power iterations, one a training step.
`parametrizations.spectral_norm` is the form for new programs.
"""

from __future__ import annotations

from typing import Any

import pyrite
from pyrite._C import Tensor
from pyrite.nn import functional as F
from pyrite.nn.parameter import Parameter, is_lazy

__all__ = ["SpectralNorm", "as_matrix", "output_dim", "remove_spectral_norm", "spectral_norm"]


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight as a matrix with a row for each index of `dim`."""
    others = [d for d in range(weight.dim()) if d != dim]
    return weight.permute(dim, *others).flatten(1)


def output_dim(module: Any) -> int:
    """The dim of a layer's weight that counts outputs."""
    from pyrite.nn import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d

    transposed = isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d)
    return 1 if transposed else 0


class SpectralNorm:
    """The forward pre-hook that recomputes the weight.

    Args:
        name: of the weight; parameter and vectors are `name`_orig, `name`_u and `name`_v.
        n_power_iterations: how many a forward in training mode.
        dim: the dim that counts outputs.
        eps: least length of a vector.
    """

    def __init__(
        self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.name, self.dim, self.eps = name, dim, eps
        self.n_power_iterations = n_power_iterations

    def compute_weight(self, module: Any, do_power_iteration: bool) -> Tensor:
        """The weight of `module`; with power iterations the vectors are updated in place."""
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with pyrite.no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(pyrite.mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(pyrite.mv(matrix, v), dim=0, eps=self.eps))
                # Kept by the graph, while the next forward writes to the buffers.
                u, v = u.clone(), v.clone()
        normalized: Tensor = weight / pyrite.dot(u, pyrite.mv(matrix, v))
        return normalized

    @staticmethod
    def apply(
        module: Any, name: str, n_power_iterations: int, dim: int, eps: float
    ) -> SpectralNorm:
        """Replace the weight of `module` and register the hook."""
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm) and hook.name == name:
                raise RuntimeError(
                    f"Cannot register two spectral_norm hooks on the same parameter {name}"
                )
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `SpectralNorm` can't have uninitialized parameters. Make "
                "sure to run the dummy forward before applying spectral normalization"
            )
        with pyrite.no_grad():
            height, width = as_matrix(weight, dim).size()
            u = F.normalize(weight.new_empty(height).normal_(0, 1), dim=0, eps=eps)
            v = F.normalize(weight.new_empty(width).normal_(0, 1), dim=0, eps=eps)
        del module._parameters[name]
        module.register_parameter(f"{name}_orig", weight)
        setattr(module, name, weight.data)
        module.register_buffer(f"{name}_u", u)
        module.register_buffer(f"{name}_v", v)
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(hook.note_version)
        return hook

    def note_version(
        self, module: Any, state_dict: Any, prefix: str, local_metadata: dict[str, Any]
    ) -> None:
        """Note in a state dictionary that it holds both vectors, as PyTorch expects."""
        local_metadata.setdefault("spectral_norm", {})[f"{self.name}.version"] = 1

    def remove(self, module: Any) -> None:
        """Make the normalized weight a parameter."""
        with pyrite.no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        delattr(module, self.name)
        for part in ("u", "v", "orig"):
            delattr(module, f"{self.name}_{part}")
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Any, inputs: Any) -> None:
        """Recompute the weight, before a forward."""
        weight = self.compute_weight(module, do_power_iteration=module.training)
        setattr(module, self.name, weight)


def spectral_norm(
    module: Any,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Any:
    """Divide a parameter of `module` by its largest singular value; returns the module.

    Args:
        module: the module.
        name: of the parameter.
        n_power_iterations: how many a forward in training mode.
        eps: least length of a vector.
        dim: the dim that counts outputs: 0, for transposed convolutions 1.

    Raises:
        RuntimeError: it is normalized already.
        ValueError: there is no parameter, or it has no shape yet.
    """
    chosen = output_dim(module) if dim is None else dim
    SpectralNorm.apply(module, name, n_power_iterations, chosen, eps)
    return module


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """Undo `spectral_norm`: the normalized weight stays; returns the module.

    Raises:
        ValueError: the parameter is not normalized.
    """
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            break
    else:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    for key, hook in module._state_dict_hooks.items():
        if getattr(hook, "__self__", None).__class__ is SpectralNorm and hook.__self__.name == name:
            del module._state_dict_hooks[key]
            break
    return module
