"""Wrappers that run a module on several devices or in several processes."""

from pyrite.nn.parallel.data_parallel import DataParallel, data_parallel
from pyrite.nn.parallel.distributed import DistributedDataParallel

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel"]
