"""`pyrite train text FILE`: a small character GPT learns any text file and continues it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pyrite as torch
from pyrite.nn import functional as F

from .models.gpt import CharGPT, Size
from .options import UsageError

if TYPE_CHECKING:
    from pyrite import Tensor

_BATCH = 32
_VALID_BATCHES = 8


def run(arguments: argparse.Namespace) -> int:
    """Trains on the first nine tenths of the file, measures on the rest, prints a sample."""
    from tqdm import trange

    text = _read(arguments)
    alphabet = sorted(set(text))
    number = {character: index for index, character in enumerate(alphabet)}
    tokens = torch.tensor([number[character] for character in text])  # (len(text),)
    train, valid = tokens[: len(tokens) * 9 // 10], tokens[len(tokens) * 9 // 10 :]
    model = CharGPT(
        Size(
            len(alphabet), arguments.context, arguments.layers, arguments.heads, arguments.channels
        )
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in (bar := trange(arguments.steps, unit="step", disable=None)):
        loss = _loss(model, train)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)

    model.eval()
    with torch.no_grad():
        losses = [_loss(model, valid).item() for _ in range(_VALID_BATCHES)]
    print(f"loss on the last tenth: {sum(losses) / len(losses):.4f} per character")
    sample = model.generate(tokens[:1].view(1, 1), arguments.samples)[0]
    print("".join(alphabet[index] for index in sample.tolist()))
    if arguments.save is not None:
        torch.save({"alphabet": alphabet, "model": model.state_dict()}, arguments.save)
    return 0


def _read(arguments: argparse.Namespace) -> str:
    """The file's text, long enough that both parts hold a whole context and what follows it."""
    try:
        text: str = arguments.file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {arguments.file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{arguments.file} is no text in UTF-8: {error}") from error
    needed = 10 * (arguments.context + 2)
    if len(text) < needed:
        raise UsageError(
            f"{arguments.file} has {len(text)} characters; a context of {arguments.context} "
            f"needs {needed} (--context)"
        )
    if arguments.channels % arguments.heads:
        raise UsageError(f"{arguments.channels} channels do not split into {arguments.heads} heads")
    return text


def _loss(model: CharGPT, tokens: Tensor) -> Tensor:
    """Mean loss per character over a random batch of windows."""
    starts = torch.randint(len(tokens) - model.context, (_BATCH, 1))
    window = tokens[starts + torch.arange(model.context + 1)]  # (B, T + 1)
    logits = model(window[:, :-1])  # (B, T, V)
    return F.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
