"""Such checkpoints in safetensors files: a door."""

from __future__ import annotations

from pyrite._doors import door_class

_MISSING = "checkpoints that several processes write"
_HERE = "distributed.checkpoint.hf_storage"

HuggingFaceStorageReader = door_class(f"{_HERE}.HuggingFaceStorageReader", _MISSING)
HuggingFaceStorageWriter = door_class(f"{_HERE}.HuggingFaceStorageWriter", _MISSING)
