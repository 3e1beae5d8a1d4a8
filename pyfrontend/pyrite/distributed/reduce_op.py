"""How reductions combine the ranks' values."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

__all__ = ["ReduceOp"]


class ReduceOp(Enum):
    """How a reduction combines the ranks' values.

    PyTorch's members are of a type within the class, `RedOpType`: here it is the class.
    """

    RedOpType: ClassVar[type[ReduceOp]]

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8


ReduceOp.RedOpType = ReduceOp
