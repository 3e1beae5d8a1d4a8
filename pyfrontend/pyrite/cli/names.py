"""`pyrite train names`: a character model learns the shipped first names and invents new ones."""

from __future__ import annotations

import argparse

import pyrite as torch
from pyrite.datasets import names
from pyrite.nn import functional as F

from .models.names import NameModel

_BATCH = 64


def run(arguments: argparse.Namespace) -> int:
    """Trains, prints the loss per character on names held back, and some inventions."""
    from tqdm import trange

    known = names()
    order = torch.randperm(len(known)).tolist()
    kept_back = len(known) // 10
    model = NameModel()
    contexts, following = model.examples(known[index] for index in order[kept_back:])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in (bar := trange(arguments.steps, unit="step", disable=None)):
        chosen = torch.randint(len(following), (_BATCH,))
        loss = F.cross_entropy(model(contexts[chosen]), following[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)

    with torch.no_grad():
        contexts, following = model.examples(known[index] for index in order[:kept_back])
        held_out = F.cross_entropy(model(contexts), following).item()
    print(f"loss on {kept_back} names held back: {held_out:.4f} per character (guessing: 3.2958)")
    for _ in range(arguments.samples):
        name = model.invent()
        print(f"  {name}{'  (known)' if name in known else ''}")
    if arguments.save is not None:
        torch.save(model.state_dict(), arguments.save)
    return 0
