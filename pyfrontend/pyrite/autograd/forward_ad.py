"""Forward-mode derivatives by dual tensors, with PyTorch's names.

A dual tensor is a number with a direction. Here the direction is kept beside the level, and the
derivative along it is computed when it is asked for, from the recorded graph: the gradient is
linear in its vector, and its derivative by that vector is the product with the direction. So dual
tensors require grad, and making one where nothing is recorded is refused.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pyrite
from pyrite import Tensor

from .engine import grad
from .grad_mode import enable_grad

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]

_levels: list[_Level] = []  # those that are open


class _Level:
    """The directions, each with the tensor to differentiate by and the dual tensor made of it.

    They are two, so that a write to the dual tensor is part of what is differentiated.
    """

    def __init__(self) -> None:
        self.origins: list[tuple[Tensor, Tensor]] = []
        self.duals: list[Tensor] = []
        self.leaves: set[int] = set()

    def without_history(self, tensor: Tensor) -> Tensor:
        """The tensor, without its graph where that leads to nothing but leaves of this level."""
        nodes, seen = [tensor.grad_fn], set[Any]()
        while nodes:
            node = nodes.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            leaf = getattr(node, "variable", None)
            if leaf is not None and id(leaf) not in self.leaves:
                return tensor
            nodes.extend(node for node, _ in node.next_functions)
        return tensor.detach()


class UnpackedDualTensor(NamedTuple):
    """A dual tensor in its parts; `tangent` is None where nothing depends on a direction."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Opens a level and gives its number; only one may be open."""
    if _levels:
        raise RuntimeError(
            "Nested forward mode AD is not supported at the moment\n"
            "  enter_dual_level: exit the level that is open first"
        )
    _levels.append(_Level())
    return len(_levels) - 1


def exit_dual_level(*, level: int | None = None) -> None:
    """Closes the level: its directions are forgotten."""
    if level is None:
        level = len(_levels) - 1
    if level != len(_levels) - 1:
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. "
            "This is not supported."
        )
    if level < 0:
        raise RuntimeError("Dual level must be a positive number.")
    _levels.pop()


class dual_level:
    """A level as a context.

    Example:
        >>> import pyrite as torch
        >>> from pyrite.autograd import forward_ad
        >>> with forward_ad.dual_level():
        ...     x = forward_ad.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]))
        ...     print(forward_ad.unpack_dual(x**3).tangent)
        tensor([3., 0.])
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *error: Any) -> None:
        exit_dual_level()


def _check_differentiable(tensor: Tensor, what: str) -> None:
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise ValueError(
            f"Expected {what} to be floating point or complex, but got: {tensor.dtype}"
        )


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """The number `tensor` with the direction `tangent` of the same shape.

    Raises:
        RuntimeError: no level is open.
        NotImplementedError: gradients are not recorded here (`no_grad`).
    """
    if (len(_levels) - 1 if level is None else level) < 0:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    _check_differentiable(tensor, "primal")
    _check_differentiable(tangent, "tangent")
    if tangent.shape != tensor.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(tensor.shape)} while the "
            f"given forward gradient is of size {list(tangent.shape)}."
        )
    if not pyrite.is_grad_enabled():
        raise NotImplementedError(
            "make_dual: directions follow the recorded graph, and nothing is recorded in no_grad"
        )
    if tensor.requires_grad:
        origin = tensor.clone()
    else:
        origin = tensor.detach().requires_grad_()
        _levels[-1].leaves.add(id(origin))
    dual = origin.clone()
    _levels[-1].origins.append((origin, tangent))
    _levels[-1].duals.append(dual)
    return dual


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The number, and the derivative along the directions of the open level.

    Without an open level there is no direction.
    """
    if (len(_levels) - 1 if level is None else level) < 0 or not tensor.requires_grad:
        return UnpackedDualTensor(tensor, None)
    here = _levels[-1]
    for dual, (_, given) in zip(here.duals, here.origins, strict=True):
        if dual is tensor and tensor._version == 0:  # nothing has written to it
            return UnpackedDualTensor(here.without_history(tensor), given)
    with enable_grad():
        tangent = _product(tensor, here.origins)
    if tangent is not None:
        tangent = here.without_history(tangent)
    return UnpackedDualTensor(here.without_history(tensor), tangent)


def _product(tensor: Tensor, origins: list[tuple[Tensor, Tensor]]) -> Tensor | None:
    """The Jacobian of `tensor` times the directions; None where it depends on none of `origins`."""
    if not origins:
        return None
    vector = pyrite.zeros_like(tensor).requires_grad_()
    inputs = [origin for origin, _ in origins]
    found = grad([tensor], inputs, [vector], create_graph=True, allow_unused=True)
    pairs = [(g, tangent) for g, (_, tangent) in zip(found, origins, strict=True) if g is not None]
    if not pairs:
        return None
    live = [(g, tangent) for g, tangent in pairs if g.requires_grad]
    if not live:
        return pyrite.zeros_like(tensor)
    products = grad(
        [g for g, _ in live],
        [vector],
        [tangent for _, tangent in live],
        create_graph=True,
        allow_unused=True,
    )
    return pyrite.zeros_like(tensor) if products[0] is None else products[0]
