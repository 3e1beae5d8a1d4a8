"""How a tensor lies on a mesh of devices: descriptions, without tensors that follow them yet."""

from __future__ import annotations

from dataclasses import dataclass

from pyrite._doors import door_class

__all__ = ["Partial", "Placement", "Replicate", "Shard", "_StridedShard"]

_StridedShard = door_class("distributed.tensor.placement_types._StridedShard", "device meshes")


class Placement:
    """The base of the descriptions, one for each dimension of the mesh."""

    def is_shard(self, dim: int | None = None) -> bool:
        """Whether the tensor is divided, along `dim` if that is given."""
        return False

    def is_replicate(self) -> bool:
        """Whether every device has all of it."""
        return False

    def is_partial(self, reduce_op: str | None = None) -> bool:
        """Whether it is what the devices have, combined; by `reduce_op` if that is given."""
        return False


@dataclass(frozen=True)
class Shard(Placement):
    """Divided along a dimension.

    Args:
        dim: the tensor's dimension.
    """

    dim: int

    def is_shard(self, dim: int | None = None) -> bool:
        """Whether the tensor is divided, along `dim` if that is given."""
        return dim is None or dim == self.dim

    def __str__(self) -> str:
        return f"S({self.dim})"


@dataclass(frozen=True)
class Replicate(Placement):
    """The same on every device."""

    def is_replicate(self) -> bool:
        """Whether every device has all of it."""
        return True

    def __str__(self) -> str:
        return "R"


@dataclass(frozen=True, repr=False)
class Partial(Placement):
    """To be combined from what the devices have.

    Args:
        reduce_op: how.
    """

    reduce_op: str = "sum"

    def is_partial(self, reduce_op: str | None = None) -> bool:
        """Whether it is what the devices have, combined; by `reduce_op` if that is given."""
        return reduce_op is None or reduce_op == self.reduce_op

    def __repr__(self) -> str:
        return f"Partial({self.reduce_op})"

    def __str__(self) -> str:
        return f"P({self.reduce_op})"
