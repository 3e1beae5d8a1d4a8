"""A siamese network: shared weights, several margin losses, distances, retrieval."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Pairs(Dataset):
    def __init__(self):
        self.points = torch.randn(24, 6)
        self.labels = (self.points[:, 0] > 0).long()

    def __len__(self):
        return len(self.points)

    def __getitem__(self, i):
        j = torch.randint(len(self), (1,)).item()
        same = float(self.labels[i] == self.labels[j])
        return {"a": self.points[i], "b": self.points[j], "same": torch.tensor(same), "i": i}


net = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 4))
optimizer = torch.optim.Adadelta(net.parameters(), lr=1.0)
data = Pairs()
for epoch in range(4):
    sums = torch.zeros(3)
    for batch in DataLoader(data, batch_size=8, shuffle=True):
        a, b = net(batch["a"]), net(batch["b"])
        sign = batch["same"] * 2 - 1
        contrastive = F.cosine_embedding_loss(a, b, sign, margin=0.2)
        distance = F.hinge_embedding_loss(F.pairwise_distance(a, b), sign)
        triplet = F.triplet_margin_loss(a, b, a.roll(1, 0), margin=0.5)
        optimizer.zero_grad()
        (contrastive + distance + triplet).backward()
        optimizer.step()
        sums += torch.stack([contrastive, distance, triplet]).detach()
    print(epoch, [round(v, 5) for v in sums.tolist()], batch["i"].tolist())
net.eval()
with torch.no_grad():
    codes = F.normalize(net(data.points))
    near = (codes @ codes.T - 2 * torch.eye(len(codes))).argmax(1)
    print((data.labels[near] == data.labels).float().mean().item(), near[:8].tolist())
