"""PyTorch's module path of the annotations that scripts use: Python's own."""

from __future__ import annotations

from typing import Any as Any
from typing import Optional as Optional
from typing import Union as Union

Dict: Any = dict
List: Any = list
Tuple: Any = tuple
