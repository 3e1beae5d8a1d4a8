"""PyTorch's module path of the DataLoader; the code is in `loader`, `collate` and `worker_info`."""

from .collate import default_collate, default_convert
from .iterators import (
    LoaderIterator as _BaseDataLoaderIter,
)
from .iterators import (
    MultiProcessIterator as _MultiProcessingDataLoaderIter,
)
from .iterators import (
    SingleProcessIterator as _SingleProcessDataLoaderIter,
)
from .loader import DataLoader
from .worker_info import get_worker_info

__all__ = [
    "DataLoader",
    "_BaseDataLoaderIter",
    "_MultiProcessingDataLoaderIter",
    "_SingleProcessDataLoaderIter",
    "default_collate",
    "default_convert",
    "get_worker_info",
]
