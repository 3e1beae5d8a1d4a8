"""Orders of samplers and loaders equal PyTorch's for the same seed (data/data_loading.json)."""

import json
import pathlib
import tracemalloc

import pytest

import pyrite
from pyrite.utils import data

BOOK = json.loads((pathlib.Path(__file__).parents[1] / "data" / "data_loading.json").read_text())


def plain(value):
    """Tensors inside a list as numbers."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, pyrite.Tensor) else value


@pytest.mark.parametrize(("expression", "value", "next_draw"), BOOK["cases"])
def test_order_and_draws_are_pytorchs(expression, value, next_draw):
    pyrite.manual_seed(7)
    assert plain(eval(expression, {"P": pyrite, "data": data})) == value
    assert int(pyrite.randint(0, 2**31 - 1, ()).item()) == next_draw


@pytest.mark.parametrize("replacement", [True, False])
def test_an_endless_random_sampler_costs_nothing_to_start(replacement):
    # makemore's way to an endless loader: ten billion draws, of which a few are used.
    tracemalloc.start()
    next(iter(data.RandomSampler(range(4), replacement, num_samples=10**10)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_sequential_and_batch_sampler():
    order = data.SequentialSampler(range(5))
    assert list(order) == [0, 1, 2, 3, 4]
    assert list(data.BatchSampler(order, 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(data.BatchSampler(order, 2, True)) == [[0, 1], [2, 3]]
    assert len(data.BatchSampler(order, 2, False)) == 3
    assert len(data.BatchSampler(order, 2, True)) == 2


def test_a_random_sampler_is_lazy():
    pyrite.manual_seed(1)
    expected = pyrite.rand(1).item()
    pyrite.manual_seed(1)
    iter(data.RandomSampler(range(4)))
    assert pyrite.rand(1).item() == expected


@pytest.mark.parametrize(
    ("error", "text", "make"),
    [
        (TypeError, "replacement should be", lambda: data.RandomSampler(range(3), replacement=1)),
        (ValueError, "num_samples=0", lambda: data.RandomSampler([])),
        (ValueError, "num_samples=-1", lambda: data.WeightedRandomSampler([1.0], -1)),
        (ValueError, "1d sequence", lambda: data.WeightedRandomSampler([[1.0]], 1)),
        (ValueError, "batch_size=0", lambda: data.BatchSampler(range(3), 0, False)),
        (ValueError, "batch_size=True", lambda: data.BatchSampler(range(3), True, False)),
        (ValueError, "drop_last=1", lambda: data.BatchSampler(range(3), 1, 1)),
        (ValueError, r"interval \[0, 1\]", lambda: data.DistributedSampler([0], 2, 2)),
    ],
)
def test_bad_arguments(error, text, make):
    with pytest.raises(error, match=text):
        make()


def test_distributed_sampler_epochs_cover_the_dataset():
    seen = {}
    for epoch in (0, 1):
        ranks = [data.DistributedSampler(range(12), 3, rank) for rank in range(3)]
        for sampler in ranks:
            sampler.set_epoch(epoch)
        seen[epoch] = [list(sampler) for sampler in ranks]
        assert sorted(index for order in seen[epoch] for index in order) == list(range(12))
    assert seen[0] != seen[1]
