"""A user's typed program: run as a test, and checked by `mypy` (strict, see pyproject.toml).

`assert_type` fails the type check where a signature is lost, so completion in editors works too.
"""

import re
from pathlib import Path
from typing import assert_type

import pyrite
import pyrite.nn.functional as F
from pyrite import Tensor, nn
from pyrite.utils.data import DataLoader, TensorDataset


class Network(nn.Module):
    """Two layers; `forward` is typed by the user."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(4, width, bias=False)
        self.second = nn.Linear(width, 3)
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.norm(self.first(x)))
        logits: Tensor = self.second(F.dropout(hidden, p=0.1, training=self.training))
        return logits


def test_ops_have_signatures() -> None:
    x = pyrite.zeros(2, 3, dtype=pyrite.float64, requires_grad=True)
    assert_type(pyrite.add(x, 1, alpha=2), Tensor)
    assert_type(x.add(x).mul_(2.0), Tensor)
    assert_type(1 / x + x**2 - 2 * -x, Tensor)
    assert_type(x @ x.T, Tensor)
    assert_type(x.sum(dim=(0, 1), keepdim=True), Tensor)
    assert_type(x[0, ..., None, 1:], Tensor)
    assert_type(x == 1, Tensor)
    assert_type(pyrite.meshgrid(x[0], x[1], indexing="ij"), tuple[Tensor, ...])
    assert_type(pyrite.split(x, 1), tuple[Tensor, ...])
    assert_type(x.shape[0], int)
    assert_type(x.size(), pyrite.Size)
    assert_type(x.size(1), int)
    assert_type(x.stride(), tuple[int, ...])
    assert_type(x.dtype, pyrite.dtype)
    assert_type(x.grad, Tensor | None)
    assert_type(x.type(), str)
    assert_type(x.is_contiguous(), bool)


def test_named_results_have_fields() -> None:
    x = pyrite.tensor([[3.0, 1.0], [2.0, 4.0]])
    assert_type(x.max(dim=1).indices, Tensor)
    values, indices = pyrite.sort(x, descending=True)
    assert_type(values, Tensor)
    assert_type(x.topk(1).values, Tensor)
    assert indices.tolist() == [[0, 1], [1, 0]]


def test_a_training_program_is_typed() -> None:
    data = TensorDataset(pyrite.randn(8, 4), pyrite.randint(0, 3, (8,)))
    assert_type(DataLoader(data, batch_size=4), DataLoader[tuple[Tensor, ...]])
    model = Network(5)
    optimizer = pyrite.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    losses: list[float] = []
    for inputs, targets in DataLoader(data, batch_size=4):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        assert_type(loss, Tensor)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert_type(model.first.in_features, int)
    assert_type(model.first.weight, Tensor)
    assert_type(model.eval(), Network)
    with pyrite.no_grad():
        assert_type(pyrite.softmax(model.forward(pyrite.ones(1, 4)), dim=-1), Tensor)
    assert len(losses) == 2


def test_lazy_names_are_all_declared_to_type_checkers() -> None:
    text = Path(pyrite.__file__).read_text()
    declared = set(re.findall(r"(\w+) as \1\b", text))
    assert {*pyrite._LAZY, *pyrite._FROM} <= declared
