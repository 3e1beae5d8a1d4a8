"""The switch of PyTorch's checks of sparse tensors, which are always on here."""

from __future__ import annotations

from typing import Any

__all__ = ["check_sparse_tensor_invariants"]


class check_sparse_tensor_invariants:
    """A context or decorator that asks for checks; inert, since indices are always checked.

    Args:
        enable: whether to check.
    """

    def __init__(self, enable: bool = True) -> None:
        self._enable = enable

    @staticmethod
    def is_enabled() -> bool:
        """True: indices are always checked."""
        return True

    @staticmethod
    def enable() -> None:
        """Nothing to do: checks are always on."""

    @staticmethod
    def disable() -> None:
        """Checks stay on: they cost little beside what they spare."""

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, *exc_info: object) -> None:
        """Nothing to do."""

    def __call__(self, function: Any) -> Any:
        """The function itself."""
        return function
