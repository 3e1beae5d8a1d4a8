"""Memory shared with NumPy and other packages, both ways."""

from __future__ import annotations

import array
import gc
import weakref

import numpy as np
import pytest

import pyrite as torch
from recorded import cases, check

SHARING = cases("numpy_sharing")
DTYPES = "bool uint8 int8 int16 int32 int64 float16 float32 float64 complex64 complex128".split()


@pytest.mark.parametrize("expression", SHARING)
@pytest.mark.filterwarnings("ignore")
def test_outcome_is_pytorchs(expression: str) -> None:
    check(expression, SHARING[expression])


@pytest.mark.parametrize("name", DTYPES)
def test_both_ways_share_memory(name: str) -> None:
    source = np.arange(6).reshape(2, 3).astype(name)
    x = torch.from_numpy(source)
    assert x.dtype is getattr(torch, name) and x.data_ptr() == source.ctypes.data
    back = x.t()[1:].numpy()
    assert back.dtype == source.dtype and np.shares_memory(back, source)
    back[0, 0] = 0
    assert source[0, 1] == 0 and np.array_equal(back, source.T[1:])


def test_owners_stay_alive_while_they_are_used() -> None:
    source = np.arange(3.0)
    gone = weakref.ref(source)
    x = torch.from_numpy(source)
    del source
    gc.collect()
    assert gone() is not None and x.tolist() == [0, 1, 2]
    view = torch.arange(3.0).numpy()
    gc.collect()
    assert view.tolist() == [0, 1, 2]
    del x
    gc.collect()
    assert gone() is None


def test_read_only_memory_is_not_written() -> None:
    source = np.arange(3.0)
    source.flags.writeable = False
    with pytest.warns(UserWarning, match="not writable"):
        x = torch.from_numpy(source)
    with pytest.raises(RuntimeError, match="read-only"):
        x += 1
    assert (x + 1).tolist() == [1, 2, 3] and not x.numpy().flags.writeable


def test_writing_an_array_is_seen_by_saved_tensors_as_in_pytorch() -> None:
    source = np.ones(2)
    x = torch.from_numpy(source)
    version = x._version
    source[0] = 5
    assert x[0] == 5 and x._version == version


@pytest.mark.parametrize("name", DTYPES)
def test_dlpack_both_ways(name: str) -> None:
    x = torch.arange(6).reshape(2, 3).to(getattr(torch, name))
    y = torch.from_dlpack(x.t())
    assert y.data_ptr() == x.data_ptr() and y.stride() == (1, 3) and y.equal(x.t())
    there = np.from_dlpack(x)
    assert np.shares_memory(there, x.numpy())
    assert torch.from_dlpack(there).data_ptr() == x.data_ptr()


def test_dlpack_capsules_are_used_once_and_given_back() -> None:
    gc.collect()
    before = torch._C._live_counts()
    x = torch.ones(3, dtype=torch.bfloat16)
    capsule = x.__dlpack__(max_version=(1, 0))
    assert torch.from_dlpack(capsule).tolist() == [1, 1, 1]
    with pytest.raises(RuntimeError, match="can be consumed only once"):
        torch.from_dlpack(capsule)
    x.__dlpack__()
    assert x.__dlpack_device__() == (1, 0)
    del x, capsule
    gc.collect()
    assert torch._C._live_counts() == before
    with pytest.raises(BufferError, match="require gradient"):
        torch.ones(1, requires_grad=True).__dlpack__()


def test_buffers_are_shared() -> None:
    owner = array.array("f", [1, 2, 3, 4])
    x = torch.frombuffer(owner, dtype=torch.float32, count=2, offset=4)
    x[0] = 9
    assert owner.tolist() == [1, 9, 3, 4] and x.tolist() == [9, 3]
    with pytest.raises(BufferError):
        owner.append(5.0)


def test_numpy_functions_give_tensors() -> None:
    x = torch.tensor([1.0, 4.0])
    root = np.sqrt(x)
    assert isinstance(root, torch.Tensor) and root.tolist() == [1, 2]
    assert np.asarray(x).tolist() == [1, 4] and np.array(x, dtype=np.int64).dtype == np.int64
    assert isinstance(x * np.ones(2), torch.Tensor)
