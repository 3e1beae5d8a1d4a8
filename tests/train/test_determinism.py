"""Results do not depend on the number of threads: whole trainings and large ops, bit for bit.

Sizes are such that the pool has several tasks in every kernel of weight.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest

import pyrite as torch
from pyrite import nn
from pyrite.nn import functional as F

STEPS = 2


def digest(tensors: Iterator[torch.Tensor]) -> str:
    """One name for the exact bits of these tensors."""
    total = hashlib.sha256()
    for tensor in tensors:
        flat = tensor.detach().contiguous().reshape(-1)
        total.update(flat.view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


class Block(nn.Module):
    """One block of a GPT with its embeddings and its head."""

    def __init__(self, words: int = 64, context: int = 64, channels: int = 64) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, channels), nn.Embedding(context, channels)
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels)
        )
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(channels, words)

    def forward(self, index: torch.Tensor) -> torch.Tensor:
        x = self.words(index) + self.places(torch.arange(index.shape[1]))  # (B, T, C)
        heads = self.qkv(self.norm1(x)).unflatten(-1, (3, 4, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*heads, is_causal=True)  # (B, H, T, C / H)
        x = x + self.drop(self.out(mixed.transpose(1, 2).flatten(2)))
        x = x + self.drop(self.mlp(self.norm2(x)))
        return self.head(x).flatten(0, 1)  # (B T, words)


class Reader(nn.Module):
    """An LSTM of two layers, both ways, that classifies a sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(24, 48, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(96, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(x)[0][:, -1])


def mlp() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    model = nn.Sequential(nn.Linear(300, 200), nn.Tanh(), nn.Linear(200, 10))
    return model, torch.randn(256, 300), torch.randint(10, (256,))


def cnn() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    model = nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 16, 3, stride=2),
        nn.BatchNorm2d(16),
        nn.SiLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.LazyLinear(10),
    )
    x = torch.randn(24, 3, 28, 28)
    model(x)
    return model, x, torch.randint(10, (24,))


def gpt() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    text = torch.randint(64, (12, 65))
    return Block(), text[:, :-1], text[:, 1:].flatten()


def lstm() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    return Reader(), torch.randn(64, 16, 24), torch.randint(10, (64,))


def train(
    problem: Callable[[], tuple[nn.Module, torch.Tensor, torch.Tensor]],
    make: Callable[..., torch.optim.Optimizer],
    threads: int,
) -> str:
    """Everything a training leaves: losses, parameters, gradients, buffers, optimizer state."""
    torch.set_num_threads(threads)
    torch.manual_seed(3)
    model, x, target = problem()
    optimizer = make(model.parameters())
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), target)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss)
    state = [v for s in optimizer.state.values() for v in s.values() if torch.is_tensor(v)]
    grads = [p.grad for p in model.parameters()]
    return digest(iter([*losses, *model.parameters(), *model.buffers(), *grads, *state]))


OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("problem", [mlp, cnn, gpt, lstm], ids=lambda problem: problem.__name__)
def test_trainings_end_alike_with_any_number_of_threads(problem, optimizer) -> None:
    found = {threads: train(problem, OPTIMIZERS[optimizer], threads) for threads in (1, 2, 3)}
    assert len(set(found.values())) == 1, found


def large() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(300, 1000), torch.randint(50, (300,))


OPS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "sum": lambda x, i: x.sum(),
    "sum of rows": lambda x, i: x.sum(0),
    "sum in bfloat16": lambda x, i: x.bfloat16().sum(),
    "mean of columns": lambda x, i: x.mean(1),
    "var": lambda x, i: x.var(),
    "norm": lambda x, i: torch.linalg.vector_norm(x, 3),
    "logsumexp": lambda x, i: x.logsumexp((0, 1)),
    "prod": lambda x, i: (1 + x / 1000).prod(1),
    "cumsum": lambda x, i: x.reshape(-1).cumsum(0),
    "sort": lambda x, i: x.reshape(-1).sort().values,
    "softmax": lambda x, i: x.softmax(0),
    "matmul": lambda x, i: x @ x.T,
    "matrix times vector": lambda x, i: x @ x[0],
    "transposed copy": lambda x, i: x.T.contiguous(),
    "index_add": lambda x, i: torch.zeros(50, 1000).index_add(0, i, x),
    "scatter_add": lambda x, i: torch.zeros(50, 1000).scatter_add(
        0, i[:, None].expand(300, 1000), x
    ),
    "embedding_bag": lambda x, i: F.embedding_bag(i.reshape(3, 100), x, mode="mean"),
    "grid": lambda x, i: F.interpolate(
        x.reshape(3, 1, 100, 1000), scale_factor=0.7, mode="bicubic"
    ),
    "group_norm": lambda x, i: F.group_norm(x.reshape(3, 10, 10, 1000), 5),
    "randn": lambda x, i: torch.randn(100_000),
    "dropout": lambda x, i: F.dropout(x, 0.3),
    "bernoulli": lambda x, i: torch.bernoulli(x.sigmoid()),
    "multinomial": lambda x, i: torch.multinomial(x.exp(), 10).float(),
    "fft": lambda x, i: torch.view_as_real(torch.fft.fft2(x)),
    "svd": lambda x, i: torch.linalg.svdvals(x.reshape(300, 25, 40)),
    "conv3d": lambda x, i: F.conv3d(x.reshape(3, 4, 25, 40, 25), x[0, :216].reshape(2, 4, 3, 3, 3)),
    "ctc": lambda x, i: F.ctc_loss(
        x.reshape(30, 100, 100).log_softmax(2), i[:200].reshape(100, 2), [30] * 100, [2] * 100
    ),
}


@pytest.mark.parametrize("name", OPS)
def test_ops_and_their_gradients_are_alike_with_any_number_of_threads(name: str) -> None:
    found = set()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        torch.manual_seed(7)
        x, index = large()
        result = OPS[name](x.requires_grad_(), index)
        if result.requires_grad:
            result.backward(torch.linspace(-1, 1, result.numel()).reshape(result.shape).to(result))
        found.add(digest(iter([result, *([] if x.grad is None else [x.grad])])))
    assert len(found) == 1
