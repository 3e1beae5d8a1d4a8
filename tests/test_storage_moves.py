"""Storages whose memory changes under their tensors: resized, given back, shared with children."""

import multiprocessing
import os

import numpy as np
import pytest

import pyrite
from pyrite import nn


def test_release_and_restore_keep_tensors_valid():
    x = pyrite.arange(4.0)
    view = x[1:]
    version = x._version
    storage = x.untyped_storage()
    assert storage.resize_(0) is storage
    assert (storage.nbytes(), x.data_ptr(), x.shape) == (0, 0, (4,))
    for read in (lambda: x + 1, lambda: view.sum(), lambda: x.tolist()):
        with pytest.raises(RuntimeError, match="its data is not allocated yet"):
            read()
    with pytest.raises(RuntimeError, match="its data is not allocated yet"):
        x.zero_()
    storage.resize_(16)
    x.copy_(pyrite.tensor([1.0, 2.0, 3.0, 4.0]))
    assert view.tolist() == [2.0, 3.0, 4.0]
    assert x._version == version + 1


def test_saved_values_find_the_restored_memory():
    w = pyrite.tensor([2.0, 3.0], requires_grad=True)
    x = pyrite.tensor([5.0, 7.0])
    y = (w * x).sum()
    x.untyped_storage().resize_(0)
    with pytest.raises(RuntimeError, match="its data is not allocated yet"):
        y.backward(retain_graph=True)
    x.untyped_storage().resize_(8)
    x.data.copy_(pyrite.tensor([5.0, 7.0]))
    y.backward()
    assert w.grad.tolist() == [5.0, 7.0]


def test_memory_is_given_back():
    x = pyrite.ones(8 << 20)
    before = pyrite._C._live_counts()[2]
    resident = _resident()
    x.untyped_storage().resize_(0)
    assert pyrite._C._live_counts()[2] == before - (32 << 20)
    assert resident - _resident() > 24 << 20
    x.untyped_storage().resize_(32 << 20)
    assert x.fill_(1).sum().item() == 8 << 20


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_growing_keeps_what_was_there():
    x = pyrite.arange(3.0)
    storage = x.untyped_storage()
    storage.resize_(40)
    assert (storage.nbytes(), len(x.storage())) == (40, 10)
    assert x.tolist() == [0.0, 1.0, 2.0]
    whole = pyrite.empty(0).set_(storage, 0, (10,))
    whole[9] = 4.0
    storage.resize_(8)
    with pytest.raises(RuntimeError, match="its data is not allocated yet"):
        x.tolist()
    assert x.storage().resize_(3).size() == 3
    assert x[:2].tolist() == [0.0, 1.0]


def test_memory_of_others_is_not_resized():
    x = pyrite.from_numpy(np.ones(3, dtype=np.float32))
    with pytest.raises(RuntimeError, match="Trying to resize storage that is not resizable"):
        x.untyped_storage().resize_(0)


def test_meta_storages_only_change_their_size():
    x = pyrite.empty(4, device="meta")
    assert x.untyped_storage().resize_(64).nbytes() == 64


def test_share_memory_moves_all_tensors_of_the_storage():
    x = pyrite.arange(4.0)
    view = x[2:]
    version = x._version
    assert not x.is_shared()
    assert x.share_memory_() is x
    assert x.is_shared() and view.is_shared() and x.storage().is_shared()
    assert (x.tolist(), x._version) == ([0.0, 1.0, 2.0, 3.0], version)
    view.fill_(9)
    assert x.tolist() == [0.0, 1.0, 9.0, 9.0]
    address = x.data_ptr()
    assert x.share_memory_().data_ptr() == address
    with pytest.raises(RuntimeError, match="not resizable"):
        x.untyped_storage().resize_(0)
    assert pyrite.empty(0).share_memory_().is_shared()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_writes_what_the_parent_reads():
    module = nn.Linear(2, 2).share_memory()
    assert all(p.is_shared() for p in module.parameters())

    def work() -> None:
        with pyrite.no_grad():
            module.weight.fill_(3)

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    assert child.exitcode == 0
    assert module.weight.tolist() == [[3.0, 3.0], [3.0, 3.0]]
    assert module.bias.requires_grad
