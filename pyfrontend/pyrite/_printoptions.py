"""How tensors print: the options and the functions that change them.

Python layer; holds no tensor. The options are one module-level object, read by `_tensor_str` on
every call. Invariant: an option not named in a call keeps its value, except `sci_mode`, which
every call of `set_printoptions` sets (PyTorch does the same).
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import Any


@dataclasses.dataclass
class PrintOptions:
    """Digits, sizes and widths used by `repr` of a tensor."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES: dict[str, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}

PRINT_OPTIONS = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print, as `torch.set_printoptions`.

    Args:
        precision: digits after the decimal point (default 4).
        threshold: number of elements above which a tensor is summarised (default 1000).
        edgeitems: elements shown at both ends of a summarised dim (default 3).
        linewidth: characters per line (default 80).
        profile: "default", "short" or "full"; the other arguments override it.
        sci_mode: scientific notation on or off; None chooses by the values.

    Raises:
        ValueError: `profile` has another name.
    """
    changes: dict[str, Any] = {}
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(
                f"set_printoptions: profile must be one of {sorted(_PROFILES)}; got {profile!r}"
            )
        changes.update(_PROFILES[profile])
    named = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    changes.update((name, value) for name, value in named.items() if value is not None)
    changes["sci_mode"] = sci_mode
    for name, value in changes.items():
        setattr(PRINT_OPTIONS, name, value)


def get_printoptions() -> dict[str, Any]:
    """Return the options as a dictionary that `set_printoptions(**options)` accepts."""
    return dataclasses.asdict(PRINT_OPTIONS)


@contextlib.contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Change the print options inside a `with` block; arguments as `set_printoptions`."""
    saved = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**saved)
