"""Names of the places where PyTorch's dispatcher looks for a kernel, and sets of such names.

Layer L6. Packages with operators of their own build such sets when they are imported. Pyrite has
no dispatcher of that kind: `library.custom_op` makes operators.
"""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["DispatchKey", "DispatchKeySet"]


class DispatchKey(Enum):
    """A place where a kernel can be registered."""

    Undefined = auto()
    CompositeExplicitAutograd = auto()
    CompositeImplicitAutograd = auto()
    Autograd = auto()
    ADInplaceOrView = auto()
    Python = auto()
    PythonDispatcher = auto()
    Functionalize = auto()
    AutocastCPU = auto()
    AutocastMPS = auto()
    AutocastXPU = auto()
    AutocastCUDA = auto()
    CPU = auto()
    CUDA = auto()
    MPS = auto()
    XPU = auto()
    Meta = auto()
    AutogradCPU = auto()
    AutogradCUDA = auto()
    AutogradMPS = auto()
    AutogradXPU = auto()
    AutogradMeta = auto()

    def __str__(self) -> str:
        return f"DispatchKey.{self.name}"


class DispatchKeySet:
    """Some of the places; `a | b`, `a & b`, `a - b` as for sets."""

    def __init__(self, *keys: DispatchKey) -> None:
        self._keys = frozenset(keys)

    def has(self, key: DispatchKey) -> bool:
        """Whether `key` is one of them."""
        return key in self._keys

    def add(self, key: DispatchKey) -> DispatchKeySet:
        """The set with `key`."""
        return DispatchKeySet(*self._keys, key)

    def remove(self, key: DispatchKey) -> DispatchKeySet:
        """The set without `key`."""
        return DispatchKeySet(*self._keys - {key})

    def __or__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(*self._keys | other._keys)

    def __and__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(*self._keys & other._keys)

    def __sub__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(*self._keys - other._keys)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DispatchKeySet) and self._keys == other._keys

    def __hash__(self) -> int:
        return hash(self._keys)

    def __repr__(self) -> str:
        named = [key.name for key in DispatchKey if key in self._keys]
        return f"DispatchKeySet({', '.join(named)})"
