"""The handle of a hook that native code keeps: on a tensor, on a leaf, on a node."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from pyrite.utils.hooks import RemovableHandle

__all__ = ["NativeHandle"]


class NativeHandle(RemovableHandle):
    """Removes one native hook; usable as a context manager like every handle."""

    def __init__(self, remover: Callable[[], None]) -> None:
        self._table: OrderedDict[int, Callable[[], None]] = OrderedDict()
        super().__init__(self._table)
        self._table[self.id] = remover

    def remove(self) -> None:
        """Take the hook off; does nothing when it is already gone."""
        remover = self._table.pop(self.id, None)
        if remover is not None:
            remover()
