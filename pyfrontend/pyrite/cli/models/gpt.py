"""A small generative transformer over characters.

After Radford et al., Language Models are Unsupervised Multitask Learners, 2019: pre-norm blocks of
causal self-attention and a GELU layer, learned positions. Shapes: B batch, T time, C channels,
H heads, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyrite as torch
from pyrite import nn
from pyrite.nn import functional as F

if TYPE_CHECKING:
    from pyrite import Tensor


@dataclass(frozen=True)
class Size:
    """What fixes the shapes of a `CharGPT`."""

    vocabulary: int
    context: int = 64
    layers: int = 2
    heads: int = 4
    channels: int = 64


class Attention(nn.Module):
    """Causal self-attention: (B, T, C) -> (B, T, C)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.mix = nn.Linear(size.channels, 3 * size.channels)
        self.out = nn.Linear(size.channels, size.channels)

    def forward(self, x: Tensor) -> Tensor:
        """Each position gathers from itself and those before it."""
        query, key, value = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, T, C) -> (B, H, T, C / H)
            for part in self.mix(x).chunk(3, dim=2)
        )
        gathered = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        mixed: Tensor = self.out(gathered.transpose(1, 2).flatten(2))  # -> (B, T, C)
        return mixed


class Block(nn.Module):
    """Attention, then a layer on each position, both added to the stream of shape (B, T, C)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size.channels)
        self.attention = Attention(size)
        self.norm2 = nn.LayerNorm(size.channels)
        self.feed = nn.Sequential(
            nn.Linear(size.channels, 4 * size.channels),
            nn.GELU(),
            nn.Linear(4 * size.channels, size.channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Adds what attention and the layer have to say."""
        x = x + self.attention(self.norm1(x))
        x = x + self.feed(self.norm2(x))
        return x


class CharGPT(nn.Module):
    """Scores of the next character at every position: (B, T) -> (B, T, V)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.context = size.context
        self.token = nn.Embedding(size.vocabulary, size.channels)
        self.position = nn.Embedding(size.context, size.channels)
        self.blocks = nn.Sequential(*(Block(size) for _ in range(size.layers)))
        self.norm = nn.LayerNorm(size.channels)
        self.score = nn.Linear(size.channels, size.vocabulary, bias=False)
        self.apply(_initialise)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) int64 with T <= context -> logits (B, T, V)."""
        x = self.token(tokens) + self.position(torch.arange(tokens.size(1)))  # (B, T, C) + (T, C)
        logits: Tensor = self.score(self.norm(self.blocks(x)))
        return logits

    @torch.no_grad()
    def generate(self, tokens: Tensor, count: int) -> Tensor:
        """Draws `count` more characters: (B, T) -> (B, T + count)."""
        for _ in range(count):
            logits = self(tokens[:, -self.context :])[:, -1]  # (B, V)
            drawn = torch.multinomial(logits.softmax(dim=1), 1)  # (B, 1)
            tokens = torch.cat([tokens, drawn], dim=1)
        return tokens


def _initialise(module: nn.Module) -> None:
    """GPT-2's start: weights of deviation 0.02, biases of zero."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
