"""Several processes with one copy of the model each: the door to a room that is not built yet.

Layer: Python front end. The class exists so that programs can import and `isinstance` it; making
one says what is missing.
"""

from __future__ import annotations

from typing import Any

from pyrite.nn.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """Averages gradients over processes; not available yet.

    Raises:
        NotImplementedError: always.
    """

    def __init__(self, module: Any, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "DistributedDataParallel: process groups are missing, "
            "pyrite.distributed.is_available() is False; "
            "use the module itself, in one process"
        )
