"""Wrappers that compute activations again: same values and gradients, and names without them."""

from __future__ import annotations

import pytest

import pyrite as torch
from pyrite import nn
from pyrite.distributed.algorithms._checkpoint import checkpoint_wrapper as module
from pyrite.distributed.algorithms._checkpoint.checkpoint_wrapper import (
    CheckpointImpl,
    CheckpointWrapper,
    apply_activation_checkpointing,
    checkpoint_wrapper,
    offload_wrapper,
)


class Scaled(nn.Module):
    """A linear layer with a keyword argument that counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.calls = 0

    def forward(self, x: torch.Tensor, *, scale: float = 1.0) -> torch.Tensor:
        self.calls += 1
        return self.fc(x).tanh() * scale


@pytest.mark.parametrize("impl", CheckpointImpl)
def test_runs_again_in_backward_with_equal_results(impl: CheckpointImpl) -> None:
    plain = Scaled()
    x = torch.randn(2, 3, requires_grad=True)
    plain(x, scale=2.0).sum().backward()
    expected = plain.fc.weight.grad
    plain.fc.weight.grad = None
    plain.calls = 0
    wrapped = checkpoint_wrapper(plain, impl)
    wrapped(x, scale=2.0).sum().backward()
    assert plain.calls == 2 and torch.equal(plain.fc.weight.grad, expected)


def test_offloading_keeps_values() -> None:
    plain = nn.Linear(3, 3)
    x = torch.randn(2, 3)
    assert torch.equal(offload_wrapper(plain)(x), plain(x))


def test_names_and_state_are_those_within() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
    names = list(model.state_dict())
    apply_activation_checkpointing(model, check_fn=lambda m: isinstance(m, nn.Linear))
    assert isinstance(model[0], CheckpointWrapper) and isinstance(model[1][0], CheckpointWrapper)
    assert list(model.state_dict()) == names
    assert [name for name, _ in model[0].named_parameters()] == ["weight", "bias"]
    assert str(model.load_state_dict(model.state_dict())) == "<All keys matched successfully>"
    assert model[0].in_features == 2 and checkpoint_wrapper(model)[0] is model[0]


def test_policies_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="auto_wrap_policy"):
        module.apply_activation_checkpointing(nn.Linear(1, 1), auto_wrap_policy=lambda *_: True)
