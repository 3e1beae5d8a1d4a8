"""An LSTM remembers: which of two marked numbers in a sequence is larger?

The answer needs both numbers, many steps apart, so a network without memory only guesses.
Sequences have different lengths; packing lets the LSTM skip the padding.

    python examples/05_lstm.py
"""

import pyrite as torch
from pyrite import nn
from pyrite.nn import functional as F
from pyrite.nn.utils.rnn import pack_padded_sequence


def sequences(count: int, longest: int):
    """Numbers with two marks a sequence.

    Returns inputs (count, longest, 2), lengths (count,) and labels (count,): is the first marked
    number the larger one?
    """
    lengths = torch.randint(longest // 2, longest + 1, (count,))
    numbers = torch.rand(count, longest)
    # The first mark lies in the first quarter of the longest sequence, the second is the last step.
    first = torch.randint(longest // 4, (count, 1))
    second = (lengths - 1).unsqueeze(1)  # (count, 1)
    marks = torch.zeros(count, longest).scatter(1, first, 1.0).scatter(1, second, 1.0)
    labels = (numbers.gather(1, first) > numbers.gather(1, second)).squeeze(1).float()
    return torch.stack([numbers, marks], dim=2), lengths, labels


class Memory(nn.Module):
    """An LSTM whose last hidden state is scored."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(input_size=2, hidden_size=hidden, batch_first=True)
        self.score = nn.Linear(hidden, 1)

    def forward(self, inputs, lengths):
        """(B, T, 2) and (B,) -> (B,) logits."""
        packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        _, (hidden, _) = self.lstm(packed)  # hidden: (1, B, hidden), each sequence's own last step
        return self.score(hidden[-1]).squeeze(1)


def main(steps: int = 400, longest: int = 12, hidden: int = 32) -> float:
    """Trains and returns the accuracy on new sequences."""
    torch.manual_seed(0)
    model = Memory(hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(steps):
        inputs, lengths, labels = sequences(64, longest)
        loss = F.binary_cross_entropy_with_logits(model(inputs, lengths), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step:4d}  loss {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        inputs, lengths, labels = sequences(1000, longest)
        answers = model(inputs, lengths) > 0
    accuracy = (answers == labels.bool()).float().mean().item()
    print(f"accuracy on 1,000 new sequences: {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    main()
