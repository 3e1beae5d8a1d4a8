"""Small sparse tensors of each layout, and the dense ones that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

import pyrite as torch

INDICES = [[0, 1, 1, 1], [2, 0, 2, 0]]
VALUES = [3.0, 4.0, 5.0, -1.0]
DENSE = np.array([[0, 0, 3], [3, 0, 5]], np.float32)
OTHER = np.array([[0, 2, 1], [4, 0, 0]], np.float32)
RIGHT = np.arange(12, dtype=np.float32).reshape(3, 4)
R = torch.tensor(RIGHT)
D = torch.tensor(OTHER)


def coo(requires_grad: bool = False) -> Any:
    """A matrix that names a place twice."""
    return torch.sparse_coo_tensor(INDICES, VALUES, (2, 3), requires_grad=requires_grad)


def csr() -> Any:
    return coo().to_sparse_csr()


def csc() -> Any:
    return coo().to_sparse_csc()


def other() -> Any:
    return torch.tensor(OTHER).to_sparse()


def dense(x: Any) -> np.ndarray:
    return np.asarray((x.to_dense() if x.layout != torch.strided else x).tolist(), np.float32)
