"""A character LSTM with truncated backpropagation and a packed batch."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

words = ["emma", "olivia", "ava", "isabella", "sophia"]
vocab = {c: i + 1 for i, c in enumerate(sorted(set("".join(words))))}
rows = [torch.tensor([vocab[c] for c in word]) for word in words]


class CharRNN(nn.Module):
    def __init__(self, size, hidden):
        super().__init__()
        self.embed = nn.Embedding(size, 8, padding_idx=0)
        self.rnn = nn.LSTM(8, hidden, num_layers=2, batch_first=True)
        self.out = nn.Linear(hidden, size)

    def forward(self, x, lengths, state=None):
        packed = pack_padded_sequence(self.embed(x), lengths, True, enforce_sorted=False)
        y, state = self.rnn(packed, state)
        y, _ = pad_packed_sequence(y, batch_first=True)
        return self.out(y), state


model = CharRNN(len(vocab) + 1, 12)
criterion = nn.CrossEntropyLoss(ignore_index=0)
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
x = pad_sequence([row[:-1] for row in rows], batch_first=True)
y = pad_sequence([row[1:] for row in rows], batch_first=True)
lengths = torch.tensor([len(row) - 1 for row in rows])
state = None
for _ in range(10):
    logits, state = model(x, lengths, state)
    state = tuple(part.detach() for part in state)
    loss = criterion(logits.transpose(1, 2), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_value_(model.parameters(), 0.5)
    optimizer.step()
    print(f"{loss.item():.6f}")
print([round(part.sum().item(), 4) for part in state])
