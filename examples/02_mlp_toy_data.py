"""A multi-layer perceptron tells two spirals apart: Module, DataLoader, optimizer, training loop.

python examples/02_mlp_toy_data.py
"""

import math

import pyrite as torch
from pyrite import nn
from pyrite.nn import functional as F
from pyrite.utils.data import DataLoader, TensorDataset, random_split


def spirals(count: int) -> TensorDataset:
    """Points of two spirals, half a circle apart: (2 * count, 2), and labels (2 * count,)."""
    angle = 3 * math.pi * torch.rand(count, 1).sqrt()  # (count, 1)
    arm = torch.cat([angle * angle.cos(), angle * angle.sin()], dim=1) / 10  # (count, 2)
    points = torch.cat([arm, -arm]) + 0.02 * torch.randn(2 * count, 2)
    labels = torch.arange(2).repeat_interleave(count)  # 0 ... 0 1 ... 1
    return TensorDataset(points, labels)


class MLP(nn.Module):
    """Two hidden layers."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(2, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 2)

    def forward(self, x):
        """(B, 2) -> (B, 2): a score for each spiral."""
        x = F.relu(self.first(x))  # (B, hidden)
        x = F.relu(self.second(x))  # (B, hidden)
        return self.out(x)


@torch.no_grad()
def accuracy(model: nn.Module, data) -> float:
    """The share of points on the right side."""
    model.eval()
    right = 0
    for points, labels in DataLoader(data, batch_size=256):
        right += (model(points).argmax(dim=1) == labels).sum().item()
    return right / len(data)


def main(epochs: int = 60, count: int = 500, hidden: int = 64) -> float:
    """Trains and returns the accuracy on a fifth of the points, held back."""
    torch.manual_seed(0)
    train, test = random_split(spirals(count), [0.8, 0.2])
    loader = DataLoader(train, batch_size=64, shuffle=True)
    model = MLP(hidden)
    print(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for points, labels in loader:  # (B, 2), (B,)
            loss = F.cross_entropy(model(points), labels)
            optimizer.zero_grad()  # gradients add up otherwise
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1:3d}  loss {total / len(train):.4f}")
    result = accuracy(model, test)
    print(f"accuracy on points held back: {result:.3f}")
    return result


if __name__ == "__main__":
    main()
