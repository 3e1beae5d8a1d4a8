"""Anomaly mode: NaN gradients raise where they arise, and failures name the forward call.

While the mode is on, each node notes the Python stack it was recorded under (in its `metadata`),
and backward looks for NaN in what each node returns. The native tape calls `_note` and `_report`.
"""

from __future__ import annotations

import traceback
import warnings
from types import TracebackType
from typing import Any

from pyrite import _C

__all__ = ["detect_anomaly", "set_detect_anomaly"]

_TRACEBACK = "traceback_"


def _note() -> dict[str, Any]:
    """What a node remembers of the place where it is recorded."""
    return {_TRACEBACK: traceback.format_stack()[:-1]}


def _report(node: Any) -> None:
    """Warn that `node` failed in backward, and where it was recorded."""
    stack = node.metadata.get(_TRACEBACK)
    if stack is None:
        told = (
            "No forward pass information available. "
            "Enable detect anomaly during forward pass for more information."
        )
    else:
        told = "Traceback of forward call that caused the error:\n" + "".join(stack)
    warnings.warn(f"Error detected in {node.name()}. {told}", UserWarning, stacklevel=2)


class _Mode:
    """The mode, put back as it was at the end."""

    def __init__(self) -> None:
        self.prev, self.prev_check_nan = _C._anomaly_mode()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _C._set_anomaly_mode(self.prev, self.prev_check_nan)


class detect_anomaly(_Mode):
    """Switch the mode on inside a `with` block."""

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__()
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        _C._set_anomaly_mode(True, self.check_nan)


class set_detect_anomaly(_Mode):
    """Switch the mode on or off at once; as a context manager, until its end."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__()
        _C._set_anomaly_mode(mode, check_nan)

    def __enter__(self) -> None:
        """The mode is set already."""
