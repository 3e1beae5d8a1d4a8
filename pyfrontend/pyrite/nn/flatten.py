"""Shape layers (L6): Flatten and Unflatten."""

from __future__ import annotations

from typing import Any, ClassVar

from pyrite._C import Tensor

from .module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Merge the dimensions `start_dim` to `end_dim`: `(N, *) -> (N, prod(*))` by default.

    Example:
        >>> nn.Flatten()(pyrite.ones(8, 3, 4, 4)).shape
        pyrite.Size([8, 48])
    """

    __constants__: ClassVar[list[str]] = ["start_dim", "end_dim"]

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split dimension `dim` into `unflattened_size`, of which one may be -1.

    Raises:
        TypeError: if the size is not a tuple or list of ints.
    """

    __constants__: ClassVar[list[str]] = ["dim", "unflattened_size"]

    def __init__(self, dim: int, unflattened_size: tuple[int, ...] | list[int]) -> None:
        super().__init__()
        _check_size(unflattened_size)
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


def _check_size(size: Any) -> None:
    if not isinstance(size, tuple | list):
        raise TypeError(
            f"unflattened_size must be a tuple of ints, but found type {type(size).__name__}"
        )
    for position, extent in enumerate(size):
        if not isinstance(extent, int):
            raise TypeError(
                "unflattened_size must be tuple of ints, "
                f"but found element of type {type(extent).__name__} at pos {position}"
            )
