"""Parts of storages share their memory; storages can be files."""

from __future__ import annotations

from pathlib import Path

import pytest

import pyrite as torch


def test_a_part_shares_memory() -> None:
    x = torch.arange(8, dtype=torch.uint8)
    storage = x.untyped_storage()
    part = storage[2:5]
    assert list(part) == [2, 3, 4] and part.nbytes() == 3
    part[0] = 9
    storage[6:] = 1
    assert x.tolist() == [0, 1, 9, 3, 4, 5, 1, 1]


def test_as_array_shares_memory() -> None:
    storage = torch.zeros(2, dtype=torch.float32).untyped_storage()
    x = torch.asarray(storage[4:8], dtype=torch.uint8)
    x.view(torch.float32)[0] = 1.0
    assert list(storage)[4:] == [0, 0, 128, 63]


def test_wrong_keys() -> None:
    storage = torch.zeros(4, dtype=torch.uint8).untyped_storage()
    with pytest.raises(RuntimeError, match="Trying to slice with a step of 2"):
        storage[::2]
    with pytest.raises(TypeError, match=r"can't index a torch\.UntypedStorage with str"):
        storage["a"]  # type: ignore[call-overload]


@pytest.mark.parametrize("shared", [False, True])
def test_from_file(tmp_path: Path, shared: bool) -> None:
    file = tmp_path / "bytes"
    file.write_bytes(bytes(range(10)))
    storage = torch.UntypedStorage.from_file(file, shared, 6)
    assert list(storage) == list(range(6))
    storage[0] = 77
    del storage
    assert file.read_bytes()[0] == (77 if shared else 0)


def test_from_file_makes_and_grows_shared_files(tmp_path: Path) -> None:
    file = tmp_path / "new"
    assert torch.UntypedStorage.from_file(str(file), True, 12).nbytes() == 12
    assert file.stat().st_size == 12


def test_from_file_refuses(tmp_path: Path) -> None:
    missing, short = tmp_path / "missing", tmp_path / "short"
    short.write_bytes(b"abc")
    with pytest.raises(RuntimeError, match=r"unable to open file <.*missing> in read-only mode: "):
        torch.UntypedStorage.from_file(str(missing), False, 4)
    with pytest.raises(RuntimeError, match="size <3> is smaller than the required mapping size"):
        torch.UntypedStorage.from_file(str(short), False, 4)
