"""A training that goes on from its last checkpoint: what tests of restarts run in every rank."""

from __future__ import annotations

import os
from collections.abc import Callable

import pyrite as torch
import pyrite.distributed as dist


def train(path: str, steps: int, lose: Callable[[int, int], None]) -> tuple[int, list[float]]:
    """Trains with DDP; the first step of this attempt and the loss of every step.

    Each third step is kept in `path`. `lose(rank, step)` may end a rank between its gradients and
    its step.
    """
    rank = dist.get_rank()
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    wrapped = torch.nn.parallel.DistributedDataParallel(model)
    losses: list[float] = []
    if os.path.exists(path):
        state = torch.load(path)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        losses = state["losses"]
    first = len(losses)
    for step in range(first, steps):
        torch.manual_seed(1000 * step + rank)
        x = torch.randn(8, 4)
        loss = torch.nn.functional.mse_loss(wrapped(x), x.sum(1, keepdim=True))
        optimizer.zero_grad()
        loss.backward()
        lose(rank, step)
        optimizer.step()
        total = loss.detach().clone()
        dist.all_reduce(total)
        losses.append(total.item())
        if rank == 0 and step % 3 == 2:
            kept = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**kept, "losses": losses}, path)
    return first, losses
