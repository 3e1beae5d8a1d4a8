"""Values that are there later."""

from __future__ import annotations

import threading
import time

import pytest

from pyrite.futures import Future, collect_all


def test_waits_for_another_thread() -> None:
    future: Future[int] = Future()

    def work() -> None:
        time.sleep(0.05)
        future.set_result(3)

    with pytest.raises(RuntimeError, match="not there yet"):
        future.value()
    threading.Thread(target=work).start()
    assert future.wait() == 3 and future.done()


def test_functions_run_as_soon_as_the_value_is_there() -> None:
    said: list[object] = []
    future: Future[int] = Future()
    doubled = future.then(lambda f: 2 * f.value())
    doubled.then(lambda f: said.append(f.value()))
    future.add_done_callback(lambda f: said.append(f.done()))
    future.set_result(5)
    assert said == [10, True] and doubled.done() and doubled.wait() == 10
    with pytest.raises(RuntimeError, match="marked completed once"):
        future.set_result(6)


def test_work_and_what_follows_run_once_whoever_waits_first() -> None:
    runs: list[str] = []
    first = Future.of(lambda: runs.append("first"))
    second = first.then(lambda _: runs.append("second"))
    assert not first.done()
    second.wait()
    first.wait()
    second.wait()
    assert runs == ["first", "second"]


def test_errors_reach_those_who_wait() -> None:
    future: Future[int] = Future()
    after = future.then(lambda f: f.value() + 1)
    future.set_exception(ValueError("bad"))
    for each in (future, after):
        with pytest.raises(ValueError, match="bad"):
            each.wait()
    assert [f.done() for f in collect_all([future, after]).wait()] == [True, True]
