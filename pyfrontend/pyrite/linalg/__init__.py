"""`pyrite.linalg`: linear algebra under the names PyTorch gives it here."""

from __future__ import annotations

from pyrite._C import linalg_cross as cross
from pyrite._C import linalg_vector_norm as vector_norm
from pyrite._C import matmul

__all__ = ["cross", "matmul", "vector_norm"]
