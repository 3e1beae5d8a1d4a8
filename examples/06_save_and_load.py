"""Saving and loading: a model's state, a checkpoint to go on from, and what a loader refuses.

Files are PyTorch's: `torch.load` opens them, and `pyrite.load` opens PyTorch's.

    python examples/06_save_and_load.py
"""

import tempfile
from pathlib import Path

import pyrite as torch
from pyrite import nn
from pyrite.nn import functional as F


def make():
    """A model and its optimizer, freshly initialised."""
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
    return model, torch.optim.Adam(model.parameters(), lr=0.01)


def train(model, optimizer, steps: int) -> list[float]:
    """The losses of `steps` steps on one fixed problem."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(64, 4, generator=generator)  # (64, 4)
    targets = inputs.prod(dim=1, keepdim=True)  # (64, 1)
    losses = []
    for _ in range(steps):
        loss = F.mse_loss(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def go_on(folder: Path, steps: int) -> bool:
    """Stops half way, saves, and goes on in a new model: the losses are those of one long run."""
    torch.manual_seed(0)
    whole = train(*make(), 2 * steps)

    torch.manual_seed(0)
    model, optimizer = make()
    first = train(model, optimizer, steps)
    checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": steps}
    torch.save(checkpoint, folder / "checkpoint.pt")  # atomic: the old file or the new one

    torch.manual_seed(1234)  # another start, which loading makes irrelevant
    model, optimizer = make()
    checkpoint = torch.load(folder / "checkpoint.pt")
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    second = train(model, optimizer, steps)
    return first + second == whole


def mismatch(folder: Path) -> str:
    """What `load_state_dict` says about a model of another shape."""
    torch.save(nn.Linear(4, 2).state_dict(), folder / "small.pt")
    try:
        nn.Linear(5, 2).load_state_dict(torch.load(folder / "small.pt"))
    except RuntimeError as error:
        return str(error)
    raise AssertionError("a state of another shape was accepted")


def main(steps: int = 50) -> bool:
    """Runs both parts; returns whether the two runs agree."""
    with tempfile.TemporaryDirectory() as name:
        same = go_on(Path(name), steps)
        print("going on from a checkpoint equals one long run:", same)
        print(mismatch(Path(name)))
    return same


if __name__ == "__main__":
    main()
