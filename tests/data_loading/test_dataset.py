"""Datasets made of tensors and of other datasets."""

import pytest

import pyrite
from pyrite.utils import data


class Squares(data.Dataset):
    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return index * index


class Batched(Squares):
    """Fetches batches in one call, and counts the calls."""

    calls = 0

    def __getitems__(self, indices):
        self.calls += 1
        return [self[index] for index in indices]


class Count(data.IterableDataset):
    def __init__(self, start, stop):
        self.range = range(start, stop)

    def __iter__(self):
        return iter(self.range)

    def __len__(self):
        return len(self.range)


def test_base_class_asks_for_getitem():
    with pytest.raises(NotImplementedError, match="should implement __getitem__"):
        data.Dataset()[0]


def test_tensor_dataset():
    rows = data.TensorDataset(pyrite.arange(6).reshape(3, 2), pyrite.tensor([7, 8, 9]))
    assert len(rows) == 3
    assert [item.tolist() for item in rows[1]] == [[2, 3], 8]
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        data.TensorDataset(pyrite.zeros(3), pyrite.zeros(4))


def test_concat_dataset():
    joined = Squares(3) + Squares(2)
    assert isinstance(joined, data.ConcatDataset)
    assert [joined[index] for index in range(len(joined))] == [0, 1, 4, 0, 1]
    assert joined[-1] == 1
    assert joined[-5] == 0
    assert joined.cumulative_sizes == [3, 5]
    with pytest.raises(ValueError, match="should not exceed dataset length"):
        joined[-6]
    with pytest.raises(AssertionError, match="empty iterable"):
        data.ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        data.ConcatDataset([Count(0, 2)])


def test_chain_dataset():
    chained = Count(0, 2) + Count(5, 8)
    assert list(chained) == [0, 1, 5, 6, 7]
    assert len(chained) == 5
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(data.ChainDataset([Squares(2)]))


def test_stack_dataset_of_tuples_and_dicts():
    pair = data.StackDataset(Squares(3), range(3))
    assert pair[2] == (4, 2)
    assert pair.__getitems__([0, 2]) == [(0, 0), (4, 2)]
    named = data.StackDataset(square=Batched(3), root=range(3))
    assert named[1] == {"square": 1, "root": 1}
    assert named.__getitems__([1, 2])[1] == {"square": 4, "root": 2}
    assert named.datasets["square"].calls == 1


def test_stack_dataset_refuses():
    with pytest.raises(ValueError, match="both types are given"):
        data.StackDataset(Squares(1), x=Squares(1))
    with pytest.raises(ValueError, match="Size mismatch between datasets"):
        data.StackDataset(Squares(1), Squares(2))
    with pytest.raises(ValueError, match="At least one dataset"):
        data.StackDataset()

    class Short(Squares):
        def __getitems__(self, indices):
            return [0]

    with pytest.raises(ValueError, match="Expected 2, got 1"):
        data.StackDataset(Short(3)).__getitems__([0, 1])


def test_subset():
    part = data.Subset(Squares(10), [2, 4, 6])
    assert len(part) == 3
    assert [part[index] for index in range(3)] == [4, 16, 36]
    assert part.__getitems__([2, 0]) == [36, 4]
    whole = Batched(10)
    assert data.Subset(whole, [1, 2]).__getitems__([0, 1]) == [1, 4]
    assert whole.calls == 1


def test_subset_of_a_list_of_indices():
    part = data.Subset(pyrite.arange(10), [2, 4, 6])
    assert part[[0, 2]].tolist() == [2, 6]


def test_subset_subclass_must_fetch_batches_itself():
    class Doubled(data.Subset):
        def __getitem__(self, index):
            return 2 * super().__getitem__(index)

    with pytest.raises(NotImplementedError, match="overrides __getitem__ but not __getitems__"):
        Doubled(Squares(3), [0])


def test_random_split_partitions():
    parts = data.random_split(range(10), [0.5, 0.25, 0.25])
    assert [len(part) for part in parts] == [6, 2, 2]
    assert sorted(index for part in parts for index in part.indices) == list(range(10))


def test_random_split_refuses():
    with pytest.raises(ValueError, match="Sum of input lengths"):
        data.random_split(range(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        data.random_split(range(10), [-0.5, 1.5])
    with pytest.warns(UserWarning, match="Length of split at index 2 is 0"):
        data.random_split(range(2), [0.5, 0.5, 0.0])
