"""PyTorch's module path of the DataLoader; the code is in `loader`, `collate` and `worker_info`."""

from .collate import default_collate, default_convert
from .loader import DataLoader
from .worker_info import get_worker_info

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]
