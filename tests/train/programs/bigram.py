"""A bigram language model: one embedding table, cross entropy, sampling."""

import torch
import torch.nn as nn
from torch.nn import functional as F

text = "to be or not to be that is the question whether tis nobler in the mind to suffer " * 4
chars = sorted(set(text))
stoi = {ch: i for i, ch in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text], dtype=torch.long)
n = int(0.9 * len(data))
train_data, val_data = data[:n], data[n:]


def get_batch(split, batch=8, block=8):
    source = train_data if split == "train" else val_data
    ix = torch.randint(len(source) - block, (batch,))
    x = torch.stack([source[i : i + block] for i in ix])
    y = torch.stack([source[i + 1 : i + block + 1] for i in ix])
    return x, y


class Bigram(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.table = nn.Embedding(vocab, vocab)

    def forward(self, idx, targets=None):
        logits = self.table(idx)
        if targets is None:
            return logits, None
        B, T, C = logits.shape
        return logits, F.cross_entropy(logits.view(B * T, C), targets.view(B * T))

    def generate(self, idx, count):
        for _ in range(count):
            logits, _ = self(idx)
            probs = F.softmax(logits[:, -1, :], dim=-1)
            idx = torch.cat((idx, torch.multinomial(probs, num_samples=1)), dim=1)
        return idx


@torch.no_grad()
def estimate(model):
    model.eval()
    means = {s: torch.stack([model(*get_batch(s))[1] for _ in range(5)]).mean() for s in "tv"}
    model.train()
    return means


model = Bigram(len(chars))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-1)
for step in range(60):
    if step % 20 == 0:
        print({k: round(v.item(), 4) for k, v in estimate(model).items()})
    _, loss = model(*get_batch("train"))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
print(f"{loss.item():.6f}")
context = torch.zeros((1, 1), dtype=torch.long)
print("".join(chars[i] for i in model.generate(context, 30)[0].tolist()))
