"""Python's `multiprocessing`, and how tensors travel between processes.

`pyrite.multiprocessing.X` is `multiprocessing.X`. The private modules carry the DataLoader's
batches: `_shm` (shared memory), `_transfer` (objects to buffers and back), `_channel` (a socket).
"""

from multiprocessing import *
from multiprocessing import __all__ as __all__
