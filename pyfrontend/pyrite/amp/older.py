"""The warning of the spellings that name the device as a module, `cuda.amp` and `cpu.amp`."""

from __future__ import annotations

import warnings

__all__ = ["warn"]


def warn(device_type: str, old: str, new: str) -> None:
    """Warn the caller's caller that `torch.cuda.amp.<old>` is now `torch.amp.<new>`."""
    warnings.warn(
        f"`torch.{device_type}.amp.{old}(args...)` is deprecated. "
        f"Please use `torch.amp.{new}` instead.",
        FutureWarning,
        stacklevel=3,
    )
