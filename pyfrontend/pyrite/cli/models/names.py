"""A character model of names: embeddings of the last few characters, one hidden layer.

After Bengio et al., A Neural Probabilistic Language Model, JMLR 2003. Token 0 is the end of a name
and also fills the context before its first letter; tokens 1..26 are a..z.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyrite as torch
from pyrite import nn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyrite import Tensor

END = 0
_BEFORE_A = ord("a") - 1


class NameModel(nn.Module):
    """Scores of the next character given the last `context` ones."""

    def __init__(self, context: int = 4, embedding: int = 16, hidden: int = 128) -> None:
        super().__init__()
        self.context = context
        self.embedding = nn.Embedding(27, embedding)
        self.hidden = nn.Linear(context * embedding, hidden)
        self.score = nn.Linear(hidden, 27)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, context) tokens -> (N, 27) logits."""
        embedded = self.embedding(tokens).flatten(1)  # (N, context * embedding)
        logits: Tensor = self.score(torch.tanh(self.hidden(embedded)))
        return logits

    def examples(self, names: Iterable[str]) -> tuple[Tensor, Tensor]:
        """Every character of every name with what stands before it: (N, context), (N,)."""
        contexts, following = [], []
        for name in names:
            tokens = [END] * self.context + [ord(letter) - _BEFORE_A for letter in name] + [END]
            for end in range(self.context, len(tokens)):
                contexts.append(tokens[end - self.context : end])
                following.append(tokens[end])
        return torch.tensor(contexts), torch.tensor(following)

    @torch.no_grad()
    def invent(self, longest: int = 16) -> str:
        """Draws one name, character by character."""
        tokens = [END] * self.context
        while len(tokens) < self.context + longest:
            logits = self(torch.tensor([tokens[-self.context :]]))  # (1, 27)
            token = int(torch.multinomial(logits.softmax(dim=1), 1).item())
            if token == END:
                break
            tokens.append(token)
        return "".join(chr(token + _BEFORE_A) for token in tokens[self.context :])
