"""PyTorch's module path of the annotations that scripts use: Python's own."""

from __future__ import annotations

from typing import Any as Any
from typing import Optional as Optional
from typing import Union as Union

Dict: Any = dict
List: Any = list
Tuple: Any = tuple


class BroadcastingListCls:
    """In an annotation: so many numbers, or one for all of them."""

    def __getitem__(self, types: Any) -> None:
        """Nothing: no compiler reads the annotation."""


BroadcastingList1 = BroadcastingListCls()
BroadcastingList2 = BroadcastingList3 = BroadcastingList4 = BroadcastingList1
BroadcastingList5 = BroadcastingList6 = BroadcastingList1
