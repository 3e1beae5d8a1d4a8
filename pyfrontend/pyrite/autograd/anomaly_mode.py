"""Anomaly mode: NaN gradients raise where they arise."""

from __future__ import annotations

from typing import Any

__all__ = ["detect_anomaly", "set_detect_anomaly"]


def _missing() -> None:
    raise NotImplementedError("autograd anomaly mode is not available in Pyrite yet")


class detect_anomaly:  # noqa: N801  PyTorch's name
    """Not available yet: entering raises NotImplementedError."""

    def __init__(self, check_nan: bool = True) -> None:
        _missing()


class set_detect_anomaly:  # noqa: N801
    """Turning it off is a no-op; turning it on raises NotImplementedError."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        if mode:
            _missing()

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, *_: Any) -> None:
        """Nothing to do."""
