"""DataLoader without workers: batching, collation, options and their errors."""

import collections

import numpy
import pytest

import pyrite
from pyrite.utils import data

Point = collections.namedtuple("Point", ["x", "label"])


class Stream(data.IterableDataset):
    def __init__(self, length):
        self.length = length

    def __iter__(self):
        return iter(range(self.length))

    def __len__(self):
        return self.length


class Noise(data.Dataset):
    """Samples drawn from the default generator."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return pyrite.rand(2)


@pytest.mark.parametrize(("drop_last", "count"), [(False, 4), (True, 3)])
def test_batches(drop_last, count):
    rows = data.TensorDataset(pyrite.arange(20.0).reshape(10, 2), pyrite.arange(10))
    loader = data.DataLoader(rows, batch_size=3, drop_last=drop_last)
    batches = list(loader)
    assert len(loader) == len(batches) == count
    features, labels = batches[1]
    assert features.shape == (3, 2)
    assert labels.tolist() == [3, 4, 5]


def test_no_batching_converts_only():
    arrays = [numpy.arange(3), numpy.arange(2)]
    loaded = list(data.DataLoader(arrays, batch_size=None))
    assert [tensor.tolist() for tensor in loaded] == [[0, 1, 2], [0, 1]]


def test_batch_sampler_and_keys_of_any_type():
    table = {"a": 1, "b": 2, "c": 3}
    loader = data.DataLoader(table, batch_sampler=[["a", "c"], ["b"]])
    assert [batch.tolist() for batch in loader] == [[1, 3], [2]]
    assert loader.batch_size is None


def test_fetching_a_batch_in_one_call():
    class Table(data.Dataset):
        def __getitems__(self, indices):
            return [10 * index for index in indices]

        def __len__(self):
            return 4

    assert [b.tolist() for b in data.DataLoader(Table(), batch_size=2)] == [[0, 10], [20, 30]]


def test_streams():
    loader = data.DataLoader(Stream(5), batch_size=2)
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3], [4]]
    assert len(loader) == 3
    assert len(list(data.DataLoader(Stream(5), batch_size=2, drop_last=True))) == 2
    assert list(data.DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]


def test_a_stream_longer_than_its_len_warns():
    class Liar(Stream):
        def __len__(self):
            return 2

    loader = data.DataLoader(Liar(4), batch_size=1)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="was reported to be 2"):
        assert len(list(loader)) == 4


def test_collate_containers():
    batch = data.default_collate(
        [
            {"p": Point(1, "a"), "t": (1.5, [2, pyrite.ones(2)]), "flag": True},
            {"p": Point(3, "b"), "t": (2.5, [4, pyrite.zeros(2)]), "flag": False},
        ]
    )
    assert batch["p"].x.tolist() == [1, 3]
    assert batch["p"].label == ("a", "b")
    assert isinstance(batch["t"], list)
    assert batch["t"][0].dtype == pyrite.float64
    assert batch["t"][1][1].tolist() == [[1.0, 1.0], [0.0, 0.0]]
    assert batch["flag"].dtype == pyrite.bool


def test_collate_numpy():
    assert data.default_collate([numpy.ones((2, 3), "f4")] * 4).shape == (4, 2, 3)
    scalars = data.default_collate([numpy.int32(1), numpy.int32(2)])
    assert scalars.tolist() == [1, 2]
    for bad in (numpy.array(["a"]), numpy.datetime64("2020-01-01"), object()):
        with pytest.raises(TypeError, match="default_collate: batch must contain"):
            data.default_collate([bad, bad])


def test_collate_keeps_mutable_container_types():
    counts = data.default_collate([collections.OrderedDict(b=1, a=2)] * 2)
    assert type(counts) is collections.OrderedDict
    assert list(counts) == ["b", "a"]
    with pytest.raises(RuntimeError, match="should be of equal size"):
        data.default_collate([[1, 2], [3]])


def test_collation_registry(monkeypatch):
    from pyrite.utils.data._utils.collate import collate, default_collate_fn_map

    class Word(str):
        pass

    def join(batch, *, collate_fn_map=None):
        return "".join(batch)

    monkeypatch.setitem(default_collate_fn_map, Word, join)
    assert data.default_collate([(Word("a"), 1), (Word("b"), 2)])[0] == "ab"
    assert collate([1, 2], collate_fn_map={int: lambda batch, collate_fn_map: sum(batch)}) == 3


def test_convert_keeps_structure():
    array = numpy.arange(2)
    point, text, items = data.default_convert([Point(array, "a"), numpy.array(["x"]), (array, 1)])
    assert point.x.tolist() == [0, 1]
    assert isinstance(text, numpy.ndarray)
    assert isinstance(items, list)


def test_each_pass_draws_one_base_seed():
    pyrite.manual_seed(0)
    pyrite.empty((), dtype=pyrite.int64).random_()
    expected = pyrite.randint(1000, ()).item()
    pyrite.manual_seed(0)
    list(data.DataLoader(range(3)))
    assert pyrite.randint(1000, ()).item() == expected


def test_sample_seeding_leaves_the_generators_alone():
    pyrite.manual_seed(5)
    loader = data.DataLoader(Noise(), batch_size=4, sample_seeding=True)
    iterator = iter(loader)
    state = pyrite.get_rng_state()
    first = next(iterator)
    assert pyrite.equal(pyrite.get_rng_state(), state)
    assert not pyrite.equal(first[0], first[1])


def test_sample_seeding_does_not_depend_on_batching():
    def samples(batch_size):
        pyrite.manual_seed(5)
        loader = data.DataLoader(Noise(), batch_size=batch_size, sample_seeding=True)
        return pyrite.cat(list(loader)).tolist()

    assert samples(1) == samples(3) == samples(8)


def test_sample_seeding_differs_between_epochs_and_repeated_indices():
    pyrite.manual_seed(5)
    loader = data.DataLoader(Noise(), sampler=[3, 3], sample_seeding=True)
    draws = [tuple(batch[0].tolist()) for _ in range(2) for batch in loader]
    assert len(set(draws)) == 4


def test_attributes_are_fixed_after_construction():
    loader = data.DataLoader(range(3))
    for name in ("batch_size", "sampler", "drop_last", "dataset"):
        with pytest.raises(ValueError, match=f"{name} attribute should not be set"):
            setattr(loader, name, None)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("num_workers option should be non-negative", {"num_workers": -1}),
        ("timeout option should be non-negative", {"timeout": -1}),
        ("prefetch_factor option could only be", {"prefetch_factor": 2}),
        ("prefetch_factor option should be non-neg", {"num_workers": 1, "prefetch_factor": -1}),
        ("prefetch_factor option should be positive", {"num_workers": 1, "prefetch_factor": 0}),
        ("persistent_workers option needs num_workers > 0", {"persistent_workers": True}),
        ("mutually exclusive with shuffle", {"sampler": [0], "shuffle": True}),
        ("batch_sampler option is mutually", {"batch_sampler": [[0]], "batch_size": 2}),
        ("batch_size=None option disables", {"batch_size": None, "drop_last": True}),
        ("batch_size should be a positive", {"batch_size": 0}),
        ("can only be used with multi-process", {"multiprocessing_context": "fork"}),
        ("valid start method", {"multiprocessing_context": "x", "num_workers": 1}),
    ],
)
def test_options_that_contradict(text, options):
    with pytest.raises(ValueError, match=text):
        data.DataLoader(range(3), **options)


@pytest.mark.parametrize("option", ["shuffle", "sampler", "batch_sampler", "sample_seeding"])
def test_streams_take_no_options_about_indices(option):
    with pytest.raises(ValueError, match=f"expected unspecified {option} option"):
        data.DataLoader(Stream(3), **{option: True})


def test_more_workers_than_processors_warn():
    with pytest.warns(UserWarning, match="will create 10000 worker processes"):
        data.DataLoader(range(3), num_workers=10000)
