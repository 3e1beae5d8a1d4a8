"""Tools around tensors and modules: data loading, checkpointing, hooks, TensorBoard."""

from __future__ import annotations

import importlib
from types import ModuleType

_LAZY = frozenset(
    "benchmark checkpoint data dlpack flop_counter hooks model_zoo tensorboard".split()
)


def __getattr__(name: str) -> ModuleType:
    """Loads a submodule on first use."""
    if name in _LAZY:
        return importlib.import_module(f"pyrite.utils.{name}")
    raise AttributeError(f"module 'torch.utils' has no attribute '{name}'")
