"""Results of ops as JSON keeps them: a tensor is its dtype, shape, strides and numbers."""

from __future__ import annotations

import math
from typing import Any


def described(value: Any) -> Any:
    """A value, or a list of them for several results."""
    if hasattr(value, "stride"):
        flat = value.detach().resolve_conj().reshape(-1).tolist()
        kind = str(value.dtype).rpartition(".")[2]
        return {
            "dtype": kind,
            "shape": list(value.shape),
            "strides": list(value.stride()),
            "values": [_number(v) for v in flat],
        }
    if isinstance(value, list | tuple):
        return [described(part) for part in value]
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    return str(value).rpartition(".")[2]


def _number(value: Any) -> Any:
    if isinstance(value, complex):
        return [_number(value.real), _number(value.imag)]
    if isinstance(value, float):
        return float(f"{value:.10g}") if math.isfinite(value) else str(value)
    return value


def difference(found: Any, wanted: Any, tolerance: float) -> str | None:
    """The first difference between two described values, numbers within a relative tolerance."""
    if isinstance(found, list) and isinstance(wanted, list):
        if len(found) != len(wanted):
            return f"{len(found)} parts, not {len(wanted)}"
        parts = (difference(a, b, tolerance) for a, b in zip(found, wanted, strict=True))
        return next((part for part in parts if part), None)
    if isinstance(found, dict) and isinstance(wanted, dict):
        for name in wanted:
            problem = difference(found.get(name), wanted[name], tolerance)
            if problem:
                return problem if name == "values" else f"{name} {found.get(name)}: {problem}"
        return None
    if isinstance(found, float) and isinstance(wanted, float):
        close = math.isclose(found, wanted, rel_tol=tolerance, abs_tol=tolerance)
        return None if close else f"{found}, not {wanted}"
    return None if found == wanted else f"{found}, not {wanted}"
