"""Round trips of `save` and `load`, PyTorch's own files, and what is kept, shared and mapped."""

from __future__ import annotations

import collections
import io
import os
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

import pyrite
from pyrite import nn, optim, serialization

RECORDED = Path(__file__).parents[2] / "rust" / "io" / "tests" / "data"
DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128"


def there_and_back(value: Any, **load: Any) -> Any:
    buffer = io.BytesIO()
    pyrite.save(value, buffer)
    buffer.seek(0)
    return pyrite.load(buffer, **load)


def same_storage(a: pyrite.Tensor, b: pyrite.Tensor) -> bool:
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


class Point:
    def __init__(self, x: float) -> None:
        self.x = x


class Restored:
    def __setstate__(self, state: dict[str, float]) -> None:
        self.x = state["x"] + 1

    def __getstate__(self) -> dict[str, float]:
        return {"x": 1.0}


@pytest.mark.parametrize("name", DTYPES.split())
def test_every_dtype_keeps_its_values(name: str) -> None:
    tensor = pyrite.tensor([0, 1, 1, 0]).to(getattr(pyrite, name)).reshape(2, 2)
    loaded = there_and_back(tensor)
    assert loaded.dtype is tensor.dtype
    assert loaded.tolist() == tensor.tolist()


def test_views_keep_their_geometry_and_share() -> None:
    base = pyrite.arange(12.0).reshape(3, 4)
    views = [base, base.t(), base[1:, ::2], base[0].expand(2, 4), base[2, 3]]
    loaded = there_and_back(views)
    for got, view in zip(loaded, views, strict=True):
        assert got.tolist() == view.tolist()
        assert got.stride() == view.stride()
        assert got.storage_offset() == view.storage_offset()
        assert same_storage(got, loaded[0])
    loaded[0][1, 2] = 99.0
    assert loaded[1][2, 1] == 99.0


def test_separate_storages_stay_separate() -> None:
    a, b = there_and_back([pyrite.zeros(2), pyrite.zeros(2)])
    assert not same_storage(a, b)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2)])
def test_scalars_and_empty_tensors(shape: tuple[int, ...]) -> None:
    loaded = there_and_back(pyrite.zeros(shape))
    assert tuple(loaded.shape) == shape


def test_requires_grad_and_parameters() -> None:
    leaf = pyrite.zeros(2, requires_grad=True)
    parameter, frozen = nn.Parameter(pyrite.ones(2)), nn.Parameter(pyrite.ones(2), False)
    loaded = there_and_back([leaf, parameter, frozen, parameter])
    assert [type(x) for x in loaded] == [pyrite.Tensor, *3 * [nn.Parameter]]
    assert [x.requires_grad for x in loaded] == [True, True, False, True]
    assert loaded[1] is loaded[3]


def test_attributes_of_a_tensor_are_kept() -> None:
    tensor = pyrite.zeros(2)
    tensor.note = "first"  # type: ignore[attr-defined]
    assert there_and_back(tensor).note == "first"


def test_nested_python_data() -> None:
    cyclic: list[Any] = [1]
    cyclic.append(cyclic)
    value = {
        "int": 2**100,
        "negative": -(2**70),
        "float": float("-inf"),
        "complex": 1 - 2j,
        "text": "häuser\0",
        "bytes": bytes(range(256)),
        "bytearray": bytearray(b"ab"),
        "none": [None, True, False],
        ("a", 1): {1, 2},
        "frozen": frozenset({3}),
        "size": pyrite.Size([2, 3]),
        "dtype": pyrite.int8,
        "device": pyrite.device("cpu"),
        "counter": collections.Counter("aab"),
        "default": collections.defaultdict(list, a=[1]),
        "deque": collections.deque([1, 2], 5),
    }
    loaded = there_and_back([value, cyclic])
    assert loaded[0] == value
    assert loaded[0]["default"].default_factory is list
    assert loaded[0]["deque"].maxlen == 5
    assert type(loaded[0]["size"]) is pyrite.Size
    assert loaded[1][1] is loaded[1]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol(protocol: int) -> None:
    buffer = io.BytesIO()
    pyrite.save({"x": pyrite.ones(2), "y": nn.Parameter(pyrite.ones(1))}, buffer, pickle, protocol)
    buffer.seek(0)
    loaded = pyrite.load(buffer)
    assert loaded["x"].tolist() == [1.0, 1.0]
    assert isinstance(loaded["y"], nn.Parameter)


def test_deep_nesting_costs_no_stack() -> None:
    deep: list[Any] = []
    payload = b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."
    value, end = pyrite._C._unpickle(payload, 0, {}, None, None)
    assert end == len(payload)
    while value:
        (value,) = value
    assert value == deep


def test_state_dicts_of_modules_and_optimizers(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    model(pyrite.ones(2, 3)).sum().backward()
    optimizer.step()
    path = tmp_path / "state.pt"
    pyrite.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)

    loaded = pyrite.load(path)
    assert loaded["model"]._metadata == model.state_dict()._metadata
    copy = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    copy.load_state_dict(loaded["model"])
    resumed = optim.Adam(copy.parameters(), lr=0.1)
    resumed.load_state_dict(loaded["optimizer"])
    for net, opt in ((model, optimizer), (copy, resumed)):
        opt.zero_grad()
        net(pyrite.ones(2, 3)).sum().backward()
        opt.step()
    pairs = zip(model.parameters(), copy.parameters(), strict=True)
    assert all(a.tolist() == b.tolist() for a, b in pairs)


def test_a_whole_module_needs_weights_only_false(tmp_path: Path) -> None:
    model, path = nn.Linear(2, 1), tmp_path / "model.pt"
    pyrite.save(model, path)
    with pytest.raises(pickle.UnpicklingError, match="Unsupported global: GLOBAL"):
        pyrite.load(path)
    loaded = pyrite.load(path, weights_only=False)
    assert type(loaded) is nn.Linear
    assert loaded.weight.tolist() == model.weight.tolist()


@pytest.mark.parametrize("name", ["reference.pt", "legacy.pt"])
def test_files_of_pytorch(name: str) -> None:
    loaded = pyrite.load(RECORDED / name)
    assert loaded["x"].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert loaded["view"].tolist() == [[1.0, 4.0], [2.0, 5.0]]
    assert same_storage(loaded["x"], loaded["view"])
    assert loaded["half"].dtype is pyrite.bfloat16 and loaded["half"].item() == 1.5
    state = loaded["sd"]
    assert type(state) is collections.OrderedDict and state._metadata == {"version": 1}
    assert state["weight"].tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert isinstance(state["bias"], nn.Parameter)
    assert loaded["big"] == 2**70
    assert loaded["shape"] == pyrite.Size([2, 3])
    assert loaded["dtype"] is pyrite.int8
    assert loaded["text"] == "häuser"
    assert loaded["list"] == [1, -2.5, None, True]
    assert loaded["set"] == {1}


def test_a_module_of_pytorch_becomes_one_of_ours() -> None:
    loaded = pyrite.load(RECORDED / "module.pt", weights_only=False)
    assert [type(layer) for layer in loaded] == [nn.Linear, nn.MaxPool1d]
    assert tuple(loaded(pyrite.ones(4, 2)).shape) == (4, 1)


def test_the_file_names_pytorchs_globals(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    pyrite.save([pyrite.ones(2), nn.Parameter(pyrite.ones(1)), pyrite.Size([1]), pyrite.int8], path)
    data = pyrite._C.Archive.open(path).read("data.pkl")
    for name in (
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ctorch._utils\n_rebuild_parameter\n",
        b"ctorch\nFloatStorage\n",
        b"ctorch\nSize\n",
        b"ctorch\nint8\n",
    ):
        assert name in data
    assert b"pyrite" not in data


def test_safe_globals_allow_for_a_while(tmp_path: Path) -> None:
    path = tmp_path / "point.pt"
    pyrite.save([Point(2.0), Restored()], path)
    with pytest.raises(pickle.UnpicklingError, match="add_safe_globals"):
        pyrite.load(path)
    with serialization.safe_globals([Point, Restored]):
        assert serialization.get_safe_globals() == [Point, Restored]
        point, restored = pyrite.load(path)
    assert (type(point), point.x, restored.x) == (Point, 2.0, 2.0)
    assert serialization.get_safe_globals() == []
    serialization.add_safe_globals([Point, (Restored, f"{__name__}.Restored")])
    try:
        assert pyrite.load(path)[0].x == 2.0
    finally:
        serialization.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError):
        pyrite.load(path)


def test_mmap_reads_late_and_never_writes(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    pyrite.save({"x": pyrite.arange(1000.0), "empty": pyrite.zeros(0)}, path)
    before = path.read_bytes()
    loaded = pyrite.load(path, mmap=True)
    assert loaded["x"][999].item() == 999.0
    loaded["x"].add_(1)
    assert loaded["x"][0].item() == 1.0
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap argument"):
        pyrite.load(io.BytesIO(before), mmap=True)
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        pyrite.load(RECORDED / "legacy.pt", mmap=True)


def test_map_location(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    pyrite.save([pyrite.ones(2), pyrite.ones(3)], path)
    asked = []

    def keep(storage: pyrite.UntypedStorage, tag: str) -> pyrite.UntypedStorage:
        asked.append((storage.nbytes(), tag))
        return storage

    for where in (None, "cpu", pyrite.device("cpu"), {"cpu": "cpu"}, keep):
        assert [x.sum().item() for x in pyrite.load(path, where)] == [2.0, 3.0]
    assert asked == [(8, "cpu"), (12, "cpu")]
    with pytest.raises(RuntimeError, match=r"don't know how to restore data location .* \(tagged"):
        pyrite.load(path, "nowhere")
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        pyrite.load(path, "cuda")
    with pytest.raises(TypeError):
        pyrite.load(path, 5)


def test_meta_tensors(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    pyrite.save([pyrite.zeros(2, 3), pyrite.zeros(2, 3, device="meta").t()], path)
    _, meta = pyrite.load(path)
    assert meta.is_meta and meta.stride() == (1, 3)
    moved, _ = pyrite.load(path, "meta")
    assert moved.is_meta and tuple(moved.shape) == (2, 3)


def test_file_objects() -> None:
    class Slow(io.RawIOBase):
        """Takes at most 1,000 bytes at a time, as a raw stream may."""

        def __init__(self) -> None:
            self.data = bytearray()

        def write(self, chunk: Any) -> int:
            taken = bytes(chunk[:1000])
            self.data += taken
            return len(taken)

    class Broken:
        def write(self, chunk: bytes) -> int:
            raise ValueError("disk on fire")

    slow = Slow()
    pyrite.save(pyrite.arange(2000), slow)
    assert pyrite.load(io.BytesIO(slow.data)).tolist() == list(range(2000))
    with pytest.raises(ValueError, match="disk on fire"):
        pyrite.save(pyrite.arange(2000), Broken())
    with pytest.raises(AttributeError, match="expected 'f' to be string, path, or a file-like"):
        pyrite.save(1, 5)
    with pytest.raises(AttributeError, match=r"You can only torch\.load from a file"):
        pyrite.load(5)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_fifos_are_written_and_read_as_they_are(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=pyrite.save, args=(pyrite.arange(50_000), fifo))
    writer.start()
    loaded = pyrite.load(fifo)
    writer.join()
    assert loaded.sum().item() == 50_000 * 49_999 // 2
    assert fifo.is_fifo()


def test_in_memory_pickles_carry_a_storage_each() -> None:
    base = pyrite.arange(4.0)
    a, b, c = pickle.loads(pickle.dumps([base, base[1:], base]))
    a[1] = 9.0
    assert b[0] == 1.0 and base[1] == 1.0  # as in PyTorch, unlike files
    assert c is a


def test_arguments_without_effect_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    pyrite.save(1, path)
    with pytest.raises(NotImplementedError):
        pyrite.save(1, path, _use_new_zipfile_serialization=False)
    with pytest.raises(TypeError, match="unexpected keyword argument 'foo'"):
        pyrite.load(path, foo=1)
    with pytest.raises(RuntimeError, match="Can not safely load weights when explicit pickle_mod"):
        pyrite.load(path, pickle_module=pickle, weights_only=True)
    assert pyrite.load(path, pickle_module=pickle) == 1


def test_one_storage_as_two_dtypes_is_refused() -> None:
    floats = pyrite.zeros(2)
    ints = pyrite._C._tensor_over(floats.untyped_storage(), pyrite.int32, 0, (2,), (1,))
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        pyrite.save([floats, ints], io.BytesIO())
