"""Whole trainings on the GPU follow the CPU's: the same first weights, the same losses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import pyrite as torch
import pyrite.nn.functional as F
from pyrite import nn
from pyrite.datasets import digits as load_digits

STEPS = 20
TEXT = "the quick brown fox jumps over the lazy dog, and the dog sleeps on. " * 4
Batch = tuple[torch.Tensor, torch.Tensor]


class DigitsCNN(nn.Module):
    """Two convolutions over 8 x 8 pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.norm, self.head = nn.BatchNorm2d(8), nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.norm(self.first(x))), 2)  # (B, 8, 4, 4)
        x = F.max_pool2d(F.relu(self.second(x)), 2)  # (B, 16, 2, 2)
        return self.head(x.flatten(1))


class GPT(nn.Module):
    """Two blocks of causal attention over characters."""

    def __init__(self, width: int = 32, heads: int = 4, length: int = 16) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(128, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(2)
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 128)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = x.shape[1]
        h = self.tokens(x) + self.places(torch.arange(steps, device=x.device))  # (B, T, C)
        mask = nn.Transformer.generate_square_subsequent_mask(steps, device=x.device)
        for block in self.blocks:
            h = block(h, src_mask=mask, is_causal=True)
        return self.head(self.norm(h)).flatten(0, 1)


class LSTM(nn.Module):
    """Two layers over characters."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.head = nn.Embedding(128, 16), nn.Linear(24, 128)
        self.lstm = nn.LSTM(16, 24, num_layers=2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(self.tokens(x))[0]).flatten(0, 1)


def characters(step: int) -> Batch:
    """Pieces of the text, and the same one character later."""
    codes = torch.tensor([ord(c) for c in TEXT])
    starts = [(7 * step + 13 * row) % (len(TEXT) - 17) for row in range(8)]
    pieces = torch.stack([codes[s : s + 17] for s in starts])  # (B, T + 1)
    return pieces[:, :-1], pieces[:, 1:].flatten()


def digits(step: int) -> Batch:
    """A batch of pictures."""
    images, labels = DIGITS
    at = slice(32 * step, 32 * step + 32)
    return images[at], labels[at]


DIGITS = load_digits()
MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[int], Batch]]] = {
    "digits CNN": (DigitsCNN, digits),
    "character GPT": (GPT, characters),
    "character LSTM": (LSTM, characters),
}


def losses(name: str, device: str) -> list[float]:
    """The losses of the first steps."""
    build, batch = MODELS[name]
    torch.manual_seed(7)
    model = build().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    history = []
    for step in range(STEPS):
        x, target = (t.to(device) for t in batch(step))
        loss = F.cross_entropy(model(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.detach())
    return [loss.item() for loss in history]


@pytest.mark.filterwarnings("ignore:The operator 'aten:UserWarning")
@pytest.mark.parametrize("name", MODELS)
def test_losses_are_the_cpus(name: str) -> None:
    expected = losses(name, "cpu")
    assert expected[-1] < 0.9 * expected[0]
    assert losses(name, "gpu") == pytest.approx(expected, abs=1e-3)


LAYERS: dict[str, Callable[..., nn.Module]] = {
    "linear": lambda device: nn.Linear(5, 3, device=device),
    "conv": lambda device: nn.Conv2d(3, 4, 3, device=device),
    "embedding": lambda device: nn.Embedding(7, 3, device=device),
    "lstm": lambda device: nn.LSTM(3, 4, device=device),
    "attention": lambda device: nn.MultiheadAttention(8, 2, device=device),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_seed_gives_the_same_first_weights(name: str) -> None:
    torch.manual_seed(5)
    expected = LAYERS[name]("cpu").state_dict()
    torch.manual_seed(5)
    found = LAYERS[name]("gpu").state_dict()
    torch.manual_seed(5)
    moved = LAYERS[name]("cpu").to("gpu").state_dict()
    for key, value in expected.items():
        assert found[key].device.type == moved[key].device.type == "gpu"
        assert found[key].cpu().equal(value) and moved[key].cpu().equal(value)


def test_a_default_device_gives_the_same_first_weights() -> None:
    torch.manual_seed(5)
    expected = nn.Linear(4, 4).weight
    torch.manual_seed(5)
    with torch.device("gpu"):
        found = nn.Linear(4, 4).weight
    assert found.device.type == "gpu" and found.cpu().equal(expected)


def test_scaled_gradients_are_unscaled_and_clipped() -> None:
    results = []
    for device in ("cpu", "gpu"):
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.Linear(16, 4)).to(device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        scaler = torch.amp.GradScaler(device, init_scale=2.0**20, growth_interval=3)
        x, target = torch.randn(12, 8).to(device), (torch.arange(12) % 4).to(device)
        shown = []
        for _ in range(10):
            optimizer.zero_grad()
            with torch.autocast(device, dtype=torch.float16):
                loss = F.cross_entropy(model(x), target)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            shown.append((loss.item(), scaler.get_scale()))
        results.append(torch.tensor(shown))
    assert (results[0][:, 1] < 2.0**20).any()
    torch.testing.assert_close(results[1], results[0], rtol=5e-3, atol=5e-3)
