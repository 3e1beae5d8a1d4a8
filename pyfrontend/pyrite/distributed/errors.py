"""What can go wrong between processes; all are `RuntimeError`s, as in PyTorch."""

from __future__ import annotations

from pyrite._C import (
    _CollectiveMismatchError as CollectiveMismatchError,
)
from pyrite._C import (
    _CollectiveTimeoutError as CollectiveTimeoutError,
)
from pyrite._C import (
    _DistBackendError as DistBackendError,
)
from pyrite._C import (
    _DistError as DistError,
)
from pyrite._C import (
    _DistNetworkError as DistNetworkError,
)
from pyrite._C import (
    _DistStoreError as DistStoreError,
)
from pyrite._C import (
    _PeerLostError as PeerLostError,
)

__all__ = [
    "CollectiveMismatchError",
    "CollectiveTimeoutError",
    "DistBackendError",
    "DistError",
    "DistNetworkError",
    "DistStoreError",
    "PeerLostError",
]
