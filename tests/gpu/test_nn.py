"""Layers on the GPU equal the CPU's, and so does training."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import pyrite as torch
import pyrite.nn.functional as F
from on_both import compare, same
from pyrite import nn


@pytest.mark.parametrize(
    "options",
    [{}, {"stride": 2, "padding": 1}, {"dilation": 2}, {"groups": 2}, {"padding": "same"}],
)
def test_conv2d(options: dict[str, object]) -> None:
    channels = 4 // int(options.get("groups", 1))  # type: ignore[call-overload]
    weight, bias = torch.randn(6, channels, 3, 3), torch.randn(6)
    compare(lambda x, w, b: F.conv2d(x, w, b, **options), torch.randn(2, 4, 8, 7), weight, bias,
            tol=1e-4)  # fmt: skip


def test_other_convolutions() -> None:
    compare(F.conv1d, torch.randn(2, 3, 9), torch.randn(4, 3, 3), tol=1e-4)
    compare(F.conv3d, torch.randn(1, 2, 4, 5, 6), torch.randn(3, 2, 2, 2, 2), tol=1e-4)
    transposed: Callable[..., torch.Tensor] = lambda x, w, b: F.conv_transpose2d(  # noqa: E731
        x, w, b, stride=2, padding=1, output_padding=1
    )
    compare(transposed, torch.randn(2, 3, 4, 5), torch.randn(3, 4, 3, 3), torch.randn(4), tol=1e-4)


POOLS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "max": lambda x: F.max_pool2d(x, 2),
    "max_overlapping": lambda x: F.max_pool2d(x, 3, stride=2, padding=1),
    "max_dilated": lambda x: F.max_pool2d(x, 2, stride=1, dilation=2),
    "avg": lambda x: F.avg_pool2d(x, 2),
    "avg_padded": lambda x: F.avg_pool2d(x, 3, stride=2, padding=1),
    "avg_inside": lambda x: F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False),
    "avg_ceil": lambda x: F.avg_pool2d(x, 3, stride=2, ceil_mode=True),
    "adaptive_avg": lambda x: F.adaptive_avg_pool2d(x, (3, 2)),
    "adaptive_max": lambda x: F.adaptive_max_pool2d(x, (3, 2)),
    "max1d": lambda x: F.max_pool1d(x.flatten(2), 3),
}


@pytest.mark.parametrize("name", POOLS)
def test_pools(name: str) -> None:
    compare(POOLS[name], torch.randn(2, 3, 7, 8))


@pytest.mark.parametrize("width", [5, 200])
def test_layer_norm(width: int) -> None:
    x, w, b = torch.randn(3, 4, width), torch.randn(width), torch.randn(width)
    compare(lambda x, w, b: F.layer_norm(x, (width,), w, b), x, w, b, tol=2e-4)
    compare(lambda x: F.layer_norm(x, (width,)), x, tol=2e-4)


@pytest.mark.parametrize("width", [5, 200])
def test_rms_norm(width: int) -> None:
    x, w = torch.randn(3, 4, width), torch.randn(width)
    compare(lambda x, w: F.rms_norm(x, (width,), w), x, w, tol=2e-4)
    compare(lambda x: F.rms_norm(x, (width,)), x, tol=2e-4)


def test_parameters_of_norms_may_be_strided() -> None:
    x, w, b = torch.randn(3, 4, 5), torch.randn(5, 4), torch.randn(5, 8)
    compare(lambda x, w, b: F.layer_norm(x, (4, 5), w.t(), b[:, ::2].t()), x, w, b, tol=2e-4)
    channels = torch.randn(8)
    compare(lambda x, w: F.batch_norm(x, None, None, w[::2], training=True), x, channels, tol=2e-4)


MODES = ["nearest", "nearest-exact", "bilinear", "bicubic", "area"]


@pytest.mark.parametrize("mode", MODES)
def test_interpolation(mode: str) -> None:
    x = torch.randn(2, 3, 5, 4)
    compare(lambda x: F.interpolate(x, (7, 9), mode=mode), x, tol=1e-4)
    compare(lambda x: F.interpolate(x, (3, 2), mode=mode), x, tol=1e-4)
    if mode.startswith("bi"):
        compare(lambda x: F.interpolate(x, scale_factor=1.7, mode=mode, align_corners=True), x,
                tol=1e-4)  # fmt: skip
        compare(lambda x: F.interpolate(x, (7, 9), mode=mode).half().float(), x, tol=1e-2)


def test_windows_over_whole_numbers() -> None:
    x = torch.randint(-20, 20, (1, 2, 6, 6))
    same(F.avg_pool2d(x.to("gpu"), 3, 1), F.avg_pool2d(x, 3, 1))
    w = torch.randint(-3, 3, (4, 2, 3, 3))
    same(F.conv2d(x.to("gpu"), w.to("gpu")), F.conv2d(x, w))


def test_group_norm() -> None:
    x, w, b = torch.randn(2, 6, 3, 4), torch.randn(6), torch.randn(6)
    compare(lambda x, w, b: F.group_norm(x, 3, w, b), x, w, b, tol=2e-4)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(training: bool) -> None:
    x, w, b = torch.randn(4, 3, 5, 5), torch.randn(3), torch.randn(3)
    running = []

    def norm(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        mean, var = torch.zeros(3, device=x.device), torch.ones(3, device=x.device)
        out = F.batch_norm(x, mean, var, w, b, training)
        running.append((mean.cpu(), var.cpu()))
        return out

    compare(norm, x, w, b, tol=2e-4)
    torch.testing.assert_close(running[1], running[0])


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_cross_entropy(reduction: str) -> None:
    x, t, w = torch.randn(6, 5), torch.tensor([0, 4, -100, 2, 1, 3]), torch.rand(5)
    compare(lambda x, t: F.cross_entropy(x, t, reduction=reduction), x, t)
    compare(lambda x, t, w: F.nll_loss(x, t, w.detach(), reduction=reduction), x, t, w)
    compare(lambda x, t: F.cross_entropy(x, t, reduction=reduction), torch.randn(2, 5, 3),
            torch.tensor([[0, 1, 2], [4, 3, 2]]))  # fmt: skip


LOSSES = ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy_with_logits"]


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    compare(lambda x, t: getattr(F, name)(x, t.detach()), torch.randn(4, 5), torch.rand(4, 5))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(64, 10),
    )  # fmt: skip


class GPT(nn.Module):
    """Two blocks of attention over characters."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(20, 16), nn.Embedding(8, 16)
        self.blocks = nn.ModuleList(
            nn.ModuleDict({
                "norm": nn.LayerNorm(16), "qkv": nn.Linear(16, 48), "out": nn.Linear(16, 16),
                "norm2": nn.LayerNorm(16),
                "mlp": nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 16)),
            })
            for _ in range(2)
        )  # fmt: skip
        self.head = nn.Linear(16, 20)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t = x.shape
        h = self.tokens(x) + self.places(torch.arange(t, device=x.device))  # (B, T, C)
        ahead = torch.ones(t, t, device=x.device).triu(1) > 0
        for block in self.blocks:
            q, k, v = block["qkv"](block["norm"](h)).split(16, 2)
            q, k, v = (z.reshape(b, t, 2, 8).transpose(1, 2) for z in (q, k, v))  # (B, nh, T, hs)
            scores = (q @ k.transpose(-2, -1) / 8**0.5).masked_fill(ahead, float("-inf"))
            mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, 16)
            h = h + block["out"](mixed)
            h = h + block["mlp"](block["norm2"](h))
        return self.head(h)


def losses(build: Callable[[], nn.Module], optimizer: str, device: str, steps: int) -> list[float]:
    torch.manual_seed(3)
    model = build()
    if build is GPT:
        x, target = torch.randint(0, 20, (4, 8)), torch.randint(0, 20, (4, 8))
    else:
        x, target = torch.randn(16, 1, 8, 8), torch.randint(0, 10, (16,))
    model, x, target = model.to(device), x.to(device), target.to(device)
    options = {"SGD": {"lr": 0.1, "momentum": 0.9}, "AdamW": {"lr": 1e-2}}[optimizer]
    update = getattr(torch.optim, optimizer)(model.parameters(), **options)
    history = []
    for _ in range(steps):
        update.zero_grad()
        out = model(x)
        loss = F.cross_entropy(out.reshape(-1, out.shape[-1]), target.reshape(-1))
        loss.backward()
        update.step()
        history.append(loss.item())
    return history


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
@pytest.mark.parametrize("build", [mlp, cnn, GPT])
def test_training_equals_the_cpu(build: Callable[[], nn.Module], optimizer: str) -> None:
    expected = losses(build, optimizer, "cpu", 20)
    actual = losses(build, optimizer, "gpu", 20)
    assert expected[-1] < 0.7 * expected[0]
    assert actual == pytest.approx(expected, abs=1e-3)


OPTIMIZERS: dict[str, list[dict[str, object]]] = {
    "RMSprop": [{}, {"centered": True}, {"momentum": 0.9}, {"momentum": 0.9, "centered": True}],
    "Adagrad": [{"lr_decay": 0.1, "weight_decay": 0.1}],
    "Adadelta": [{"lr": 1.0}],
    "Adamax": [{"weight_decay": 0.1}],
    "NAdam": [{}, {"decoupled_weight_decay": True, "weight_decay": 0.1}],
    "RAdam": [{"betas": (0.5, 0.6)}],
    "ASGD": [{"t0": 2.0}],
    "Rprop": [{}],
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name: str) -> None:
    for options in OPTIMIZERS[name]:
        weights = []
        for device in ["cpu", "gpu"]:
            torch.manual_seed(1)
            w = torch.randn(7, 3).to(device).requires_grad_()
            update = getattr(torch.optim, name)([w], **{"lr": 0.05, **options})
            for _ in range(8):
                update.zero_grad()
                (w.sin() * w).sum().backward()
                update.step()
            weights.append(w.detach().cpu())
        torch.testing.assert_close(weights[1], weights[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers(cell: str) -> None:
    torch.manual_seed(2)
    layer = getattr(nn, cell)(4, 6, num_layers=2, bidirectional=True)
    x = torch.randn(5, 3, 4)
    results = []
    for device in ["cpu", "gpu"]:
        layer = layer.to(device)
        layer.zero_grad()
        out = layer(x.to(device))[0]
        out.square().sum().backward()
        grads = [p.grad.cpu().clone() for p in layer.parameters()]
        results.append([out.detach().cpu(), *grads])
    for expected, actual in zip(*results, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["plain", "causal", "bool", "added"])
@pytest.mark.parametrize("keys", [5, 70])
def test_attention(kind: str, keys: int) -> None:
    q, k, v = torch.randn(2, 2, 5, 8), torch.randn(2, 2, keys, 8), torch.randn(2, 2, keys, 6)
    mask = torch.randn(5, keys)
    options = {"plain": {}, "causal": {"is_causal": True}, "bool": {"attn_mask": mask > 0},
               "added": {"attn_mask": mask}}[kind]  # fmt: skip

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        moved = {n: o.to(q.device) if n == "attn_mask" else o for n, o in options.items()}
        return F.scaled_dot_product_attention(q, k, v, **moved)

    compare(attend, q, k, v, tol=1e-4)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_images_keep_their_layout_when_resampled(mode: str) -> None:
    compare(
        lambda x: F.interpolate(x, size=(3, 9), mode=mode),
        torch.randn(2, 3, 5, 4),
        layout=lambda x: x.contiguous(memory_format=torch.channels_last),
        tol=1e-4,
    )


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_margins_of_several_classes(reduction: str) -> None:
    target = torch.tensor([[3, 0, -1, 1], [1, -1, 0, 2]])
    compare(
        lambda x, t: F.multilabel_margin_loss(x, t, reduction=reduction), torch.randn(2, 4), target
    )
