"""The cells of a book on language models: windows, masked attention by hand, sampling."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(123)
tokens = torch.randint(0, 50, (33,))
windows, following = tokens[:-1].unfold(0, 4, 2), tokens[1:].unfold(0, 4, 2)
loader = DataLoader(TensorDataset(windows, following), batch_size=8, shuffle=False, drop_last=True)
inputs, targets = next(iter(loader))
print(inputs[:2], targets[0], len(loader))

embedded = nn.Embedding(50, 6)(inputs) + nn.Embedding(4, 6)(torch.arange(4))
print(embedded.shape, embedded[0, 0])
scores = embedded[0] @ embedded[0].T
weights = torch.softmax(scores / embedded.shape[-1] ** 0.5, dim=-1)
print(weights.sum(dim=-1), (weights @ embedded[0])[1])
mask = torch.triu(torch.ones(4, 4), diagonal=1)
masked = scores.masked_fill(mask.bool(), -torch.inf)
print(torch.softmax(masked, dim=-1))
print(torch.nn.Dropout(0.5)(torch.ones(2, 4)))

layer = nn.Sequential(nn.Linear(6, 5), nn.ReLU())
out = layer(embedded[0])
mean, var = out.mean(dim=-1, keepdim=True), out.var(dim=-1, keepdim=True)
torch.set_printoptions(sci_mode=False)
print(((out - mean) / torch.sqrt(var + 1e-5)).var(dim=-1, keepdim=True))

head = nn.Linear(6, 50, bias=False)
logits = head(embedded)
loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
print(loss, torch.exp(loss))
probabilities = torch.softmax(logits, dim=-1)
picked = probabilities[0, torch.arange(4), targets[0]]
print(-torch.log(picked).mean())
top, positions = torch.topk(logits[0, -1], 3)
kept = torch.where(logits[0, -1] < top[-1], torch.tensor(float("-inf")), logits[0, -1])
print(torch.bincount(torch.multinomial(kept.softmax(-1), 200, replacement=True))[positions])
