"""Files nobody should have written: truncated, damaged, malicious; and saves that are killed."""

from __future__ import annotations

import functools
import io
import operator
import os
import pickle
import random
import resource
import signal
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

import pyrite

RECORDED = Path(__file__).parents[2] / "rust" / "io" / "tests" / "data"


def archive(data: bytes, **records: bytes) -> io.BytesIO:
    """Return a `.pt` file with this pickle, made without the code under test."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        out.writestr("archive/data.pkl", data)
        out.writestr("archive/version", b"3\n")
        for key, value in records.items():
            out.writestr(f"archive/data/{key.removeprefix('_')}", value)
    buffer.seek(0)
    return buffer


def tensor_pickle(
    size: bytes, stride: bytes, numel: bytes = b"K\x02", offset: bytes = b"K\0"
) -> bytes:
    """Return the pickle of one float32 tensor on storage 0 with this geometry."""
    storage = b"(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\x000X\3\0\0\0cpu" + numel + b"tQ"
    end = b"\x89ccollections\nOrderedDict\n)RtR."
    return b"\x80\2ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + size + stride + end


def test_the_handmade_file_is_one() -> None:
    good = archive(tensor_pickle(b"K\2\x85", b"K\1\x85"), _0=bytes(8))
    assert pyrite.load(good).tolist() == [0.0, 0.0]


HUGE = b"\x8a\7" + (1 << 50).to_bytes(7, "little")


@pytest.mark.parametrize(
    "data",
    [
        tensor_pickle(b"K\3\x85", b"K\1\x85"),  # beyond the storage
        tensor_pickle(b"K\2\x85", b"K\1\x85", offset=b"K\1"),
        tensor_pickle(b"K\2\x85", HUGE + b"\x85"),
        tensor_pickle(HUGE + HUGE + b"\x86", b"K\0K\0\x86"),
        tensor_pickle(b"J\xff\xff\xff\xff\x85", b"K\1\x85"),  # a negative size
        tensor_pickle(b"K\2\x85", b"J\xff\xff\xff\xff\x85", offset=b"K\1"),
        tensor_pickle(b"K\2\x85", b"K\1\x85", offset=b"J\xff\xff\xff\xff"),
        tensor_pickle(b"K\2\x85", b")"),  # sizes without strides
        tensor_pickle(b"X\1\0\0\0a\x85", b"K\1\x85"),
        tensor_pickle(b"K\2\x85", b"K\1\x85", numel=b"K\x05"),  # not the record's size
        tensor_pickle(b"K\2\x85", b"K\1\x85", numel=HUGE),
    ],
)
def test_impossible_geometry_is_an_error(data: bytes) -> None:
    with pytest.raises((RuntimeError, TypeError, ValueError, OverflowError)):
        pyrite.load(archive(data, _0=bytes(8)))


def test_a_missing_record_is_named() -> None:
    with pytest.raises(RuntimeError, match="failed locating file data/0: file not found"):
        pyrite.load(archive(tensor_pickle(b"K\2\x85", b"K\1\x85")))
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as out:
        out.writestr("archive/other", b"")
    other.seek(0)
    with pytest.raises(RuntimeError, match=r"failed locating file data\.pkl"):
        pyrite.load(other)


class Run:
    """Runs `function(*args)` when Python's unpickler loads it."""

    def __init__(self, function: object, *args: object) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


def malicious(marker: Path) -> list[bytes]:
    """Return pickles that would create `marker`, or reach for something that can."""
    touch = f"open({str(marker)!r}, 'w')"
    path = str(marker).encode()
    text = b"X" + len(path).to_bytes(4, "little") + path
    return [
        pickle.dumps(Run(os.system, f"touch {marker}"), 2),
        pickle.dumps(Run(os.system, f"touch {marker}"), 5),
        pickle.dumps(Run(eval, touch), 2),
        pickle.dumps(Run(exec, touch), 4),
        pickle.dumps(Run(getattr, "a", "upper"), 2),
        pickle.dumps([{"x": (Run(open, str(marker), "w"),)}], 2),
        pickle.dumps(Run(subprocess.Popen, ["touch", str(marker)]), 2),
        pickle.dumps(Run(__import__, "os"), 2),
        pickle.dumps(Run(operator.attrgetter, "__class__.__base__"), 2),
        pickle.dumps(Run(functools.partial, os.system, f"touch {marker}"), 4),
        b"\x80\2(" + text + b"ios\nsystem\n.",  # the opcodes INST, OBJ, NEWOBJ_EX and EXT1
        b"\x80\2(cos\nsystem\n" + text + b"o.",
        b"\x80\4cos\nsystem\n" + text + b"\x85}\x92.",
        b"\x80\2\x82\1.",
        b"\x80\4X\2\0\0\0osX\6\0\0\0system\x93" + text + b"\x85R.",
        b"\x80\2ccollections\nOrderedDict\n)R}X\x0c\0\0\0__setstate__cos\nsystem\nsb.",
        b"\x80\2cpathlib\nPath\n" + text + b"\x85R.",
        b"\x80\2cpyrite\nload\n" + text + b"\x85R.",
        b"\x80\2ctorch\nload\n" + text + b"\x85R.",
        b"\x80\2cpyrite.serialization._save\nos.system\n" + text + b"\x85R.",
        # Allowed names used for what they are not meant for.
        b"\x80\2ctorch._tensor\n_rebuild_from_type_v2\n(cbuiltins\nlist\nctorch\nTensor\n)}tR.",
        b"\x80\2ctorch._utils\n_rebuild_tensor_v2\n}b.",
        b"\x80\2ctorch\nTensor\nX\1\0\0\0aK\1s.",
        b"\x80\2ctorch\nTensor\n}X\1\0\0\0aK\1sb.",
        b"\x80\2ctorch\nfloat32\n)R.",
        b"\x80\2ctorch\nFloatStorage\n)\x81}b.",
        b"\x80\2X\1\0\0\0aQ.",
        b"\x80\2(X\7\0\0\0storageccollections\nOrderedDict\nX\1\0\0\x000X\3\0\0\0cpuK\2tQ.",
        b"\x80\2(X\7\0\0\0storagectorch\nFloatStorage\nX\x0a\0\0\0../secret0X\3\0\0\0cpuK\2tQ.",
    ]


def test_malicious_pickles_run_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    for data in malicious(marker):
        with pytest.raises((pickle.UnpicklingError, RuntimeError, TypeError)):
            pyrite.load(archive(data, _0=bytes(8)))
        assert not marker.exists(), data
        legacy = (RECORDED / "legacy.pt").read_bytes()
        spliced = legacy.replace(b"\x80\x02M\xe9\x03.", data, 1)
        assert spliced != legacy
        with pytest.raises((pickle.UnpicklingError, RuntimeError, TypeError)):
            pyrite.load(io.BytesIO(spliced))
        assert not marker.exists(), data
    assert not any(name in sys.modules for name in ("torch", "antigravity"))


def peak() -> int:
    """The most bytes this process had in memory so far."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
@pytest.mark.parametrize(
    "data",
    [
        b"\x80\4\x8d" + (1 << 60).to_bytes(8, "little") + b"x.",  # a text of 2^60 bytes
        b"\x80\3B\xff\xff\xff\xff.",
        b"\x80\4\x95" + (1 << 62).to_bytes(8, "little") + b"K\1.",
        b"\x80\5\x96" + (1 << 60).to_bytes(8, "little") + b".",
        b"\x80\2\x8b\xff\xff\xff\x7f.",  # a number of 2^31 bytes
        b"\x80\2\x8b\xff\xff\xff\xff.",
        b"\x80\2j\xff\xff\xff\xff.",  # memo entry 2^32
        b"\x80\2" + b"(" * 1000,
        b"\x80\2000.",
        b"\x80\2.",
    ],
)
def test_claims_of_a_pickle_cost_no_memory(data: bytes) -> None:
    before = peak()
    with pytest.raises(pickle.UnpicklingError):
        pyrite.load(archive(data))
    assert peak() - before < 64 << 20


def test_recursion_in_a_file_ends() -> None:
    loaded = pyrite.load(archive(b"\x80\2]q\0h\0a."))  # a list that holds itself
    assert loaded[0] is loaded
    deep = pyrite.load(archive(b"\x80\2" + b"]" * 100_000 + b"a" * 99_999 + b"."))
    for _ in range(99_999):
        (deep,) = deep
    assert deep == []


def test_a_zip_bomb_is_not_inflated() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as out:
        with out.open("archive/data.pkl", "w") as record:
            for _ in range(100):
                record.write(bytes(1 << 20))
    assert bomb.tell() < 1 << 20
    bomb.seek(0)
    before = peak()
    with pytest.raises(RuntimeError, match="is compressed"):
        pyrite.load(bomb)
    assert peak() - before < 64 << 20


def lying_archives() -> dict[str, bytes]:
    """Archives whose bytes do not fit their directory."""
    good = archive(tensor_pickle(b"K\2\x85", b"K\1\x85"), _0=bytes(8)).getvalue()
    entry, end = good.rindex(b"archive/data/0") - 46, good.rindex(b"PK\5\6")
    huge = struct.pack("<I", 0xFFFFFFF0)

    def with_bytes(at: int, new: bytes) -> bytes:
        return good[:at] + new + good[at + len(new) :]

    return {
        "checksum": with_bytes(good.index(bytes(8)), b"\1"),
        "size": with_bytes(entry + 20, huge + huge),
        "offset": with_bytes(entry + 42, huge),
        "count": with_bytes(end + 8, b"\xff\xff\xff\xff"),
        "directory": with_bytes(end + 16, huge),
    }


@pytest.mark.parametrize("lie", lying_archives())
def test_archives_that_lie_are_errors(lie: str) -> None:
    with pytest.raises(RuntimeError, match="PytorchStreamReader failed reading zip archive"):
        pyrite.load(io.BytesIO(lying_archives()[lie]))


def test_a_refusal_says_what_to_allow() -> None:
    with pytest.raises(pickle.UnpicklingError) as caught:
        pyrite.load(archive(b"\x80\2cmodels\nNet\n)R."))
    text = str(caught.value)
    assert text.startswith("Weights only load failed. This file can still be loaded, to do so you ")
    assert "Unsupported global: GLOBAL models.Net was not an allowed global by default" in text
    assert "torch.serialization.add_safe_globals([models.Net])" in text
    with pytest.raises(pickle.UnpicklingError, match=r"GLOBAL posix\.system whose module posix is"):
        pyrite.load(archive(b"\x80\2cposix\nsystem\n)R."))


@pytest.mark.parametrize("name", ["reference.pt", "legacy.pt"])
def test_every_truncation_is_an_error(name: str) -> None:
    data = (RECORDED / name).read_bytes()
    assert pyrite.load(io.BytesIO(data))
    for length in range(0, len(data), 7):
        with pytest.raises((RuntimeError, EOFError, pickle.UnpicklingError)):
            pyrite.load(io.BytesIO(data[:length]))


@pytest.mark.parametrize("name", ["reference.pt", "legacy.pt"])
def test_mutations_raise_or_load(name: str) -> None:
    data = (RECORDED / name).read_bytes()
    draw = random.Random(0)
    raised = 0
    for _ in range(1500):
        mutated = bytearray(data)
        for _ in range(draw.randint(1, 4)):
            mutated[draw.randrange(len(data))] = draw.randrange(256)
        try:
            pyrite.load(io.BytesIO(mutated))
        except Exception:
            raised += 1
    assert raised > 100


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("hello world, this is no archive")
    with pytest.raises(EOFError):
        pyrite.load(tmp_path / "empty")
    with pytest.raises(RuntimeError, match=r"Invalid magic number; corrupt file\?"):
        pyrite.load(tmp_path / "text")
    with pytest.raises(FileNotFoundError) as caught:
        pyrite.load(tmp_path / "none")
    assert caught.value.filename == str(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        pyrite.load(tmp_path)
    with pytest.raises(RuntimeError, match=r"Parent directory .* does not exist\."):
        pyrite.save(1, tmp_path / "no" / "x.pt")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    pyrite.save({"x": 1}, path)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pyrite.save({"x": lambda: 1}, path)
    assert pyrite.load(path) == {"x": 1}
    assert os.listdir(tmp_path) == ["x.pt"]


@pytest.mark.skipif(os.name != "posix", reason="modes and symbolic links are POSIX's")
def test_links_are_followed_and_modes_kept(tmp_path: Path) -> None:
    target, link = tmp_path / "target.pt", tmp_path / "link.pt"
    pyrite.save(1, target)
    target.chmod(0o640)
    link.symlink_to("target.pt")
    pyrite.save(2, link)
    assert link.is_symlink() and pyrite.load(target) == 2
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_an_os_error() -> None:
    with pytest.raises(OSError, match="No space left on device"):
        pyrite.save(pyrite.zeros(1 << 16), "/dev/full")


SAVE_FOREVER = """
import sys, pyrite
generation = 0
while True:
    generation += 1
    value = {"generation": generation, "x": pyrite.zeros(200_000) + generation}
    pyrite.save(value, sys.argv[1])
    print(generation, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="the test kills a process by signal")
def test_a_killed_save_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    draw = random.Random(1)
    for _ in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", SAVE_FOREVER, str(path)], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(draw.uniform(0.0, 0.05))
            child.send_signal(signal.SIGKILL)
        loaded = pyrite.load(path)
        assert loaded["x"].eq(loaded["generation"]).all()
