"""How a tensor lies on a mesh of devices, by PyTorch's module path: a door."""

from pyrite.distributed.tensor import Partial, Placement, Replicate, Shard

__all__ = ["Partial", "Placement", "Replicate", "Shard"]
