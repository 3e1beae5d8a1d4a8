"""How memory is shared between processes: always by a file descriptor of unnamed memory.

PyTorch's second way, named files, exists against running out of descriptors and leaks when a
process is killed. Its name is accepted and has no effect.
"""

from __future__ import annotations

__all__ = ["get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy"]

_STRATEGIES = frozenset({"file_descriptor", "file_system"})
_chosen = "file_descriptor"


def get_all_sharing_strategies() -> set[str]:
    """The names that `set_sharing_strategy` takes."""
    return set(_STRATEGIES)


def get_sharing_strategy() -> str:
    """The name that was set."""
    return _chosen


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepts PyTorch's names; inert, since the result is the same either way.

    Raises:
        ValueError: an unknown name.
    """
    global _chosen
    if new_strategy not in _STRATEGIES:
        raise ValueError(
            f"sharing strategy must be one of {sorted(_STRATEGIES)}, got {new_strategy!r}"
        )
    _chosen = new_strategy
