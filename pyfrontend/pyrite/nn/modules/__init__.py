"""PyTorch's module paths, `nn.modules.linear.Linear` and the like, as aliases.

Layer: Python front end, above all of `nn`. A class lives in one file of `nn`; programs and pickles
that name PyTorch's file find it through the table below. Invariant: nothing is imported before a
name is asked for, and no object exists twice. A leading underscore of a private helper is optional
(`utils._pair` is `sizes.pair`).
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_SOURCES: dict[str, tuple[str, ...]] = {
    "activation": ("activation", "multihead_attention"),
    "adaptive": ("adaptive",),
    "batchnorm": ("norm", "lazy_layers", "sync_batch_norm"),
    "channelshuffle": ("pixelshuffle",),
    "container": ("container", "parameter_container"),
    "conv": ("conv", "lazy_layers"),
    "distance": ("distance",),
    "dropout": ("dropout",),
    "flatten": ("flatten",),
    "fold": ("fold",),
    "instancenorm": ("norm", "lazy_layers"),
    "lazy": ("lazy",),
    "linear": ("linear", "lazy_layers"),
    "loss": ("loss", "margin_loss"),
    "module": ("module",),
    "normalization": ("norm",),
    "padding": ("padding",),
    "pixelshuffle": ("pixelshuffle",),
    "pooling": ("pool",),
    "rnn": ("recurrent", "recurrent_cell"),
    "sparse": ("embedding",),
    "transformer": ("transformer", "transformer_layer"),
    "upsampling": ("upsample",),
    "utils": ("sizes", "state_prefix"),
}


class _Alias(ModuleType):
    """A module without contents of its own, which looks names up in others."""

    def __getattr__(self, name: str) -> Any:
        sources = [
            importlib.import_module(f"pyrite.nn.{source}")
            for source in _SOURCES[self.__name__.rpartition(".")[2]]
        ]
        if name == "__all__":
            return [public for source in sources for public in source.__all__]
        if not name.startswith("__"):
            for source in sources:
                for spelling in (name, name.removeprefix("_")):
                    if hasattr(source, spelling):
                        return getattr(source, spelling)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


for _noun in _SOURCES:
    # In sys.modules, so that `import pyrite.nn.modules.linear` finds it as well.
    globals()[_noun] = sys.modules[f"{__name__}.{_noun}"] = _Alias(f"{__name__}.{_noun}")


def __getattr__(name: str) -> Any:
    """The classes themselves, `nn.modules.Linear`."""
    nn = importlib.import_module("pyrite.nn")
    if not name.startswith("_") and hasattr(nn, name):
        return getattr(nn, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
