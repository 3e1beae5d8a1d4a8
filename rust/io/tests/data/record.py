"""Records the files beside this script with PyTorch 2.13.0 (`python record.py`)."""

from collections import OrderedDict
from pathlib import Path

import torch

HERE = Path(__file__).parent


def contents() -> dict[str, object]:
    """Return one of everything a checkpoint holds."""
    base = torch.arange(6.0).reshape(2, 3)
    state = OrderedDict(weight=torch.ones(2, 2), bias=torch.nn.Parameter(torch.zeros(2)))
    state._metadata = {"version": 1}
    return {
        "x": base,
        "view": base.t()[1:],
        "half": torch.tensor([1.5], dtype=torch.bfloat16),
        "sd": state,
        "big": 2**70,
        "shape": base.shape,
        "dtype": torch.int8,
        "text": "häuser",
        "list": [1, -2.5, None, True],
        "set": {1},
    }


def main() -> None:
    """Write the files."""
    torch.save(contents(), HERE / "reference.pt")
    torch.save(contents(), HERE / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.manual_seed(0)
    torch.save(
        torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.MaxPool1d(1)), HERE / "module.pt"
    )


if __name__ == "__main__":
    main()
