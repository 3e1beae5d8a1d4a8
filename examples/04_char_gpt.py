"""A character GPT written out: attention from matrix products, then sampling.

It learns a few lines of verse, or any text file, and continues them.
Shapes: B batch, T time, C channels, H heads, V vocabulary.

    python examples/04_char_gpt.py [FILE]
"""

import math
import sys
from pathlib import Path

import pyrite as torch
from pyrite import nn
from pyrite.nn import functional as F

VERSE = """\
Tyger Tyger, burning bright, In the forests of the night;
What immortal hand or eye, Could frame thy fearful symmetry?
In what distant deeps or skies, Burnt the fire of thine eyes?
On what wings dare he aspire? What the hand, dare seize the fire?
"""


class CausalSelfAttention(nn.Module):
    """Every position gathers from itself and the positions before it."""

    def __init__(self, channels: int, heads: int, context: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        past = torch.tril(torch.ones(context, context, dtype=torch.bool))  # (T, T)
        self.register_buffer("past", past)

    def forward(self, x):
        """(B, T, C) -> (B, T, C)."""
        B, T, C = x.shape
        q, k, v = self.query_key_value(x).chunk(3, dim=2)  # 3 x (B, T, C)
        q, k, v = (
            t.view(B, T, self.heads, -1).transpose(1, 2) for t in (q, k, v)
        )  # (B, H, T, C/H)
        scores = q @ k.transpose(2, 3) / math.sqrt(C // self.heads)  # (B, H, T, T)
        scores = scores.masked_fill(~self.past[:T, :T], -math.inf)  # the future weighs nothing
        gathered = scores.softmax(dim=3) @ v  # (B, H, T, C/H)
        return self.out(gathered.transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    """Attention mixes positions, the two linear layers mix channels."""

    def __init__(self, channels: int, heads: int, context: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = CausalSelfAttention(channels, heads, context)
        self.feed = nn.Sequential(
            nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels)
        )

    def forward(self, x):
        """(B, T, C) -> (B, T, C)."""
        x = x + self.attention(self.norm1(x))
        return x + self.feed(self.norm2(x))


class GPT(nn.Module):
    """Token and position embeddings, blocks, a score for each character."""

    def __init__(
        self, vocabulary: int, context: int, channels: int, heads: int, layers: int
    ) -> None:
        super().__init__()
        self.context = context
        self.token = nn.Embedding(vocabulary, channels)
        self.position = nn.Embedding(context, channels)
        self.blocks = nn.Sequential(*(Block(channels, heads, context) for _ in range(layers)))
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, vocabulary)

    def forward(self, tokens):
        """(B, T) -> (B, T, V)."""
        x = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))  # (B, T, C)
        return self.head(self.norm(self.blocks(x)))

    @torch.no_grad()
    def generate(self, tokens, count: int, temperature: float = 0.8):
        """(B, T) -> (B, T + count), each new character drawn from the model's distribution."""
        for _ in range(count):
            logits = self(tokens[:, -self.context :])[:, -1] / temperature  # (B, V)
            drawn = torch.multinomial(logits.softmax(dim=1), num_samples=1)  # (B, 1)
            tokens = torch.cat([tokens, drawn], dim=1)
        return tokens


def main(
    text: str = VERSE, steps: int = 300, context: int = 32, channels: int = 64, sample: int = 200
) -> float:
    """Trains on `text`, prints a continuation and returns the last loss."""
    torch.manual_seed(0)
    alphabet = sorted(set(text))
    data = torch.tensor([alphabet.index(character) for character in text])  # (len(text),)
    model = GPT(len(alphabet), context, channels, heads=4, layers=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for step in range(steps):
        start = torch.randint(len(data) - context, (16, 1))  # (B, 1)
        window = data[start + torch.arange(context + 1)]  # (B, T + 1)
        logits = model(window[:, :-1])  # (B, T, V)
        loss = F.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step:4d}  loss {loss.item():.4f}")
    model.eval()
    written = model.generate(data[:8].unsqueeze(0), sample)[0]
    print("".join(alphabet[token] for token in written.tolist()))
    return loss.item()


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_text(encoding="utf-8") if len(sys.argv) > 1 else VERSE)
