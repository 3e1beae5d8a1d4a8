"""A convolutional network reads handwritten digits: BatchNorm, Dropout, a learning-rate schedule.

The 1,797 images come with the package; every fifth is held back for the test.

    python examples/03_cnn_digits.py
"""

import pyrite as torch
from pyrite import nn
from pyrite.datasets import digits
from pyrite.nn import functional as F
from pyrite.utils.data import DataLoader, TensorDataset


class DigitNet(nn.Module):
    """Two convolution blocks and a linear layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block1 = self.block(1, channels)
        self.block2 = self.block(channels, 2 * channels)
        self.dropout = nn.Dropout(0.3)
        self.out = nn.Linear(2 * channels * 2 * 2, 10)

    @staticmethod
    def block(inside: int, outside: int) -> nn.Sequential:
        """(B, inside, S, S) -> (B, outside, S / 2, S / 2)."""
        return nn.Sequential(
            nn.Conv2d(inside, outside, kernel_size=3, padding=1),
            nn.BatchNorm2d(outside),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )

    def forward(self, images):
        """(B, 1, 8, 8) -> (B, 10): a score for each digit."""
        x = self.block1(images)  # (B, channels, 4, 4)
        x = self.block2(x)  # (B, 2 * channels, 2, 2)
        x = self.dropout(x.flatten(1))  # (B, 8 * channels)
        return self.out(x)


def train_epoch(model, loader, optimizer) -> float:
    """One pass over the images; returns the mean loss."""
    model.train()  # Dropout drops, BatchNorm uses the batch's statistics
    total = 0.0
    for images, labels in loader:  # (B, 1, 8, 8), (B,)
        loss = F.cross_entropy(model(images), labels, label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def accuracy(model) -> float:
    """The share of held-back digits that are read correctly."""
    model.eval()  # Dropout rests, BatchNorm uses the running statistics
    images, labels = digits(train=False)
    return (model(images).argmax(dim=1) == labels).float().mean().item()


def main(epochs: int = 12, channels: int = 24) -> float:
    """Trains and returns the accuracy on the 360 digits held back."""
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(*digits()), batch_size=64, shuffle=True)
    model = DigitNet(channels)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, epochs))
    for epoch in range(epochs):
        loss = train_epoch(model, loader, optimizer)
        rate = schedule.get_last_lr()[0]
        schedule.step()
        print(f"epoch {epoch + 1:2d}  rate {rate:.5f}  loss {loss:.4f}")
    result = accuracy(model)
    print(f"accuracy on 360 digits held back: {result:.3f}")
    return result


if __name__ == "__main__":
    main()
