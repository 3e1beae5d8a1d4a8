"""Where PyTorch keeps the object behind `torch.ops`; programs import it from here as well."""

from __future__ import annotations

from pyrite import ops

__all__ = ["ops"]
