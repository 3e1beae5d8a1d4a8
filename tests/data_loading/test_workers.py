"""DataLoader with worker processes: order, seeds, transport of batches, and the workers' lives."""

import json
import os
import pathlib
import random

import numpy
import pytest

import pyrite
from pyrite.utils import data

BOOK = json.loads((pathlib.Path(__file__).parents[1] / "data" / "data_loading.json").read_text())


class Draws(data.Dataset):
    """One draw from each generator a worker seeds."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return [
            int(pyrite.randint(0, 2**31 - 1, ()).item()),
            random.getrandbits(31),
            int(numpy.random.randint(0, 2**31 - 1)),
        ]


class Fetched(data.Dataset):
    """Applies a function to the index."""

    def __init__(self, function, length=8):
        self.function = function
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.function(index)


class Shards(data.IterableDataset):
    """The numbers below `stop`, dealt to the workers in blocks."""

    def __init__(self, stop):
        self.stop = stop

    def __iter__(self):
        info = data.get_worker_info()
        size = -(-self.stop // info.num_workers)
        return iter(range(info.id * size, min(self.stop, (info.id + 1) * size)))


@pytest.mark.parametrize(("num_workers", "draws"), BOOK["worker_draws"])
def test_worker_seeds_are_pytorchs(num_workers, draws):
    pyrite.manual_seed(7)
    loader = data.DataLoader(Draws(), batch_size=2, num_workers=num_workers, collate_fn=list)
    assert [sample for batch in loader for sample in batch] == draws


@pytest.mark.parametrize("num_workers", [0, 1, 2, 3])
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_sample_seeding_is_independent_of_workers(num_workers, persistent):
    def draws(workers, **options):
        pyrite.manual_seed(7)
        loader = data.DataLoader(
            Draws(),
            batch_size=2,
            shuffle=True,
            num_workers=workers,
            collate_fn=list,
            sample_seeding=True,
            **options,
        )
        return [list(loader) for _ in range(2)]

    options = {"persistent_workers": True} if persistent and num_workers else {}
    assert draws(num_workers, **options) == draws(0)


@pytest.mark.parametrize("num_workers", [1, 2, 3])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_order_is_independent_of_workers(num_workers):
    def order(workers):
        generator = pyrite.Generator().manual_seed(3)
        loader = data.DataLoader(
            range(50), 4, shuffle=True, num_workers=workers, generator=generator
        )
        return [batch.tolist() for _ in range(2) for batch in loader]

    assert order(num_workers) == order(0)


def test_worker_info():
    assert data.get_worker_info() is None

    def facts(index):
        info = data.get_worker_info()
        return [info.id, info.num_workers, info.seed - info.id, len(info.dataset), os.getpid()]

    loader = data.DataLoader(Fetched(facts), batch_size=1, num_workers=2, collate_fn=list)
    rows = [batch[0] for batch in loader]
    assert [row[0] for row in rows] == [0, 1] * 4
    assert {tuple(row[1:4]) for row in rows} == {(2, rows[0][2], 8)}
    assert len({row[4] for row in rows}) == 2
    assert os.getpid() not in {row[4] for row in rows}


def test_worker_init_fn_runs_after_seeding():
    box = []

    def init(worker_id):
        box.append((worker_id, data.get_worker_info().id, pyrite.initial_seed()))

    loader = data.DataLoader(
        Fetched(lambda index: box), num_workers=1, worker_init_fn=init, collate_fn=lambda b: b[0]
    )
    ((worker_id, info_id, seed),) = next(iter(loader))
    assert worker_id == info_id == 0
    assert seed != pyrite.initial_seed()
    assert box == []


SIZES = [0, 3, 1000, 100_000]  # empty, inline, inline, shared


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "bool", "complex64", "int64", "uint8"])
def test_tensors_arrive_as_they_were(size, dtype):
    def sample(index):
        return pyrite.arange(index, index + size).to(getattr(pyrite, dtype))

    local = list(data.DataLoader(Fetched(sample), batch_size=2))
    for batch, expected in zip(
        data.DataLoader(Fetched(sample), batch_size=2, num_workers=2), local, strict=True
    ):
        assert batch.dtype == expected.dtype
        assert pyrite.equal(batch, expected)
        batch.zero_()  # writable, and ours alone


def test_layouts_and_identities_survive():
    def sample(index):
        image = pyrite.arange(4 * 64 * 64.0).reshape(1, 4, 64, 64)
        strided = image.contiguous(memory_format=pyrite.channels_last)
        return {
            "image": strided,
            "same": strided,
            "gaps": image[..., ::2],
            "row": pyrite.arange(5).expand(3, 5),
            "scalar": pyrite.tensor(index),
            "grad": pyrite.ones(3, requires_grad=True),
        }

    (batch,) = data.DataLoader(Fetched(sample, 1), batch_size=None, num_workers=1)
    expected = sample(0)
    for name, tensor in expected.items():
        assert pyrite.equal(batch[name], tensor), name
    assert batch["image"].stride() == expected["image"].stride()
    assert batch["same"] is batch["image"]
    assert batch["grad"].requires_grad


@pytest.mark.parametrize("size", SIZES)
def test_arrays_and_other_objects_arrive(size):
    def sample(index):
        return numpy.full((size, 2), index), b"x" * size, {"text": str(index)}

    loader = data.DataLoader(Fetched(sample), batch_size=4, num_workers=2, collate_fn=list)
    for number, batch in enumerate(loader):
        array, blob, other = batch[1]
        assert (array == 4 * number + 1).all()
        array[...] = 0
        assert len(blob) == size
        assert other == {"text": str(4 * number + 1)}


def test_large_indices_and_large_results_do_not_block_each_other():
    indices = [list(range(200_000))] * 12

    loader = data.DataLoader(
        Fetched(lambda index: index, 200_000),
        batch_sampler=indices,
        num_workers=2,
        prefetch_factor=4,
        collate_fn=lambda batch: (len(batch), bytes(3_000_000)),
        timeout=60,
    )
    assert [length for length, _ in loader] == [200_000] * 12


def test_batches_outlive_the_loader():
    loader = data.DataLoader(
        Fetched(lambda index: pyrite.full((50_000,), float(index))), num_workers=2
    )
    batches = list(loader)
    del loader
    assert [batch[0, -1].item() for batch in batches] == [float(index) for index in range(8)]


def test_streams_interleave_in_order():
    loader = data.DataLoader(Shards(7), batch_size=2, num_workers=2)
    assert [batch.tolist() for batch in loader] == [[0, 1], [4, 5], [2, 3], [6]]
    dropped = data.DataLoader(Shards(7), batch_size=2, num_workers=2, drop_last=True)
    assert [batch.tolist() for batch in dropped] == [[0, 1], [4, 5], [2, 3]]


@pytest.mark.parametrize("stop", [0, 1, 20])
def test_uneven_streams_end(stop):
    loader = data.DataLoader(Shards(stop), batch_size=None, num_workers=2)
    assert sorted(loader) == list(range(stop))


def test_out_of_order_yields_every_batch_once():
    def slow_first(index):
        if index == 0:
            import time

            time.sleep(0.3)
        return index

    loader = data.DataLoader(
        Fetched(slow_first, 12), num_workers=2, in_order=False, collate_fn=lambda b: b[0]
    )
    seen = list(loader)
    assert sorted(seen) == list(range(12))
    assert seen[0] != 0


@pytest.mark.parametrize("kind", ["map", "stream"])
def test_persistent_workers_stay(kind):
    dataset = Fetched(lambda index: os.getpid()) if kind == "map" else PidStream()
    loader = data.DataLoader(
        dataset, batch_size=None, num_workers=2, persistent_workers=True, prefetch_factor=3
    )
    first = set(loader)
    abandoned = next(iter(loader))
    assert abandoned in first
    assert set(loader) == first
    assert len(list(loader)) == 8
    assert len(first) == 2


class PidStream(data.IterableDataset):
    def __iter__(self):
        return iter([os.getpid()] * 4)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_start_methods(method):
    rows = data.TensorDataset(pyrite.arange(40_000.0).reshape(4, 10_000))
    loader = data.DataLoader(rows, 2, num_workers=1, multiprocessing_context=method)
    assert [batch[0][:, 0].tolist() for batch in loader] == [[0.0, 10_000.0], [20_000.0, 30_000.0]]


def test_workers_use_one_thread():
    loader = data.DataLoader(Fetched(lambda index: pyrite.get_num_threads(), 1), num_workers=1)
    assert next(iter(loader)).tolist() == [1]
