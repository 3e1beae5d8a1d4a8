"""The object of a tensor outlives its users while the graph holds the tensor, and no longer."""

import gc
import threading
import weakref

import pytest

import pyrite
from pyrite import Tensor


class Sub(Tensor):
    """A subclass without anything of its own."""


class Witness:
    """Notes its own end."""

    def __init__(self, ends: list[int]) -> None:
        self.ends = ends

    def __del__(self) -> None:
        self.ends.append(1)


@pytest.fixture(autouse=True)
def no_leak():
    gc.collect()
    before = pyrite._C._live_counts()[:2]
    yield
    gc.collect()
    assert pyrite._C._live_counts()[:2] == before


def leaf() -> Tensor:
    return pyrite.tensor([1.0, 2.0], requires_grad=True)


def test_attributes_survive_in_the_graph():
    x = leaf()
    x.tag = 5
    y = x * 2
    del x
    for _ in range(3):  # it comes and goes again and again
        gc.collect()
        assert y.grad_fn.next_functions[0][0].variable.tag == 5


def test_subclass_and_weak_reference_survive():
    x = leaf().detach().as_subclass(Sub).requires_grad_()
    ref = weakref.ref(x)
    y = x.as_subclass(Tensor) * 2
    del x
    found = y.grad_fn.next_functions[0][0].next_functions[0][0].variable
    assert type(found) is Sub
    assert found is ref()


def test_base_of_a_view_keeps_its_object():
    x = pyrite.arange(3.0)
    ref = weakref.ref(x)
    v = x.view(3)
    del x
    gc.collect()
    assert v._base is ref()
    assert ref() is not None


def test_saved_value_is_the_same_object():
    x = leaf()
    ref = weakref.ref(x)
    y = x * x
    del x
    assert y.grad_fn._saved_self is ref()
    y.sum().backward()
    del y
    assert ref() is None


def test_object_goes_with_the_graph():
    ends: list[int] = []
    x = leaf()
    x.witness = Witness(ends)
    y = (x * x).sum()
    del x
    gc.collect()
    assert ends == []
    y.backward()
    del y
    assert ends == [1]


def test_object_reached_by_weak_reference_outlives_the_graph():
    ends: list[int] = []
    x = leaf()
    x.witness = Witness(ends)
    ref = weakref.ref(x)
    y = x * x
    del x
    again = ref()
    del y
    gc.collect()
    assert ends == []
    assert again.tolist() == [1.0, 2.0]
    assert again.witness.ends is ends
    del again
    assert ends == [1]


@pytest.mark.parametrize("hold", [lambda x: (x * x).sum(), lambda x: x.view(2), lambda x: x])
def test_cycles_are_collected(hold):
    ends: list[int] = []
    x = leaf()
    x.witness = Witness(ends)
    x.held = hold(x)
    del x
    gc.collect()
    assert ends == [1]


def test_cycle_of_an_object_in_a_graph_stays():
    ends: list[int] = []
    x = leaf()
    x.me = x
    x.witness = Witness(ends)
    ref = weakref.ref(x)
    y = x * x
    del x
    gc.collect()
    assert ends == []
    assert ref().me is y.grad_fn._saved_self
    del y
    gc.collect()
    assert ends == [1]


def test_classes_of_preserved_objects_are_collected():
    def make():
        class Local(Tensor):
            pass

        x = leaf().detach().as_subclass(Local).requires_grad_()
        x.me = x
        y = x.as_subclass(Tensor) * 2
        del x
        assert type(y.grad_fn.next_functions[0][0].next_functions[0][0].variable) is Local
        return weakref.ref(Local)

    ref = make()
    gc.collect()
    assert ref() is None


def test_threads_drop_graphs():
    failures: list[str] = []

    def work():
        for i in range(200):
            x = leaf()
            x.tag = i
            ref = weakref.ref(x)
            y = (x * x).sum()
            del x
            if i % 3 == 0 and ref().tag != i:
                failures.append(f"{i}: tag")
            y.backward()
            del y
            if ref() is not None:
                failures.append(f"{i}: alive")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
