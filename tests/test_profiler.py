"""The profiler times marked ranges, nested ones and threads apart."""

import json
import threading
import time

import pytest

from pyrite.autograd.profiler import profile, record_function


def test_nested_ranges():
    with profile() as prof:
        with record_function("outer"):
            time.sleep(0.01)
            with record_function("inner"):
                time.sleep(0.02)
        with record_function("inner"):
            time.sleep(0.02)
    outer, inner, _ = prof.function_events
    assert outer.cpu_time_total >= 30_000 > outer.self_cpu_time_total >= 10_000
    assert inner.self_cpu_time_total == inner.cpu_time_total >= 20_000
    by_name = {event.key: event for event in prof.key_averages()}
    assert by_name["inner"].count == 2
    assert prof.self_cpu_time_total == pytest.approx(prof.total_average().self_cpu_time_total)


def test_table_is_sorted_and_cut():
    with profile() as prof:
        for name, seconds in (("short", 0.0), ("long", 0.01)):
            with record_function(name):
                time.sleep(seconds)
    table = prof.key_averages().table(sort_by="self_cpu_time_total", row_limit=1)
    assert "long" in table
    assert "short" not in table


def test_threads_do_not_nest():
    def work():
        with record_function("worker"):
            time.sleep(0.005)

    with profile() as prof, record_function("main"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    main, worker = prof.function_events
    assert main.thread != worker.thread
    assert main.self_cpu_time_total == main.cpu_time_total


def test_decorator_and_idle_use():
    @record_function("f")
    def f():
        return 3

    assert f() == 3
    with profile() as prof:
        assert f() == 3
    assert [event.name for event in prof.function_events] == ["f"]
    with profile(enabled=False) as off:
        f()
    assert list(off.function_events) == []


def test_export(tmp_path):
    with profile() as prof, record_function("a", "note"):
        pass
    prof.export_chrome_trace(tmp_path / "trace.json")
    (event,) = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert (event["name"], event["ph"], event["args"]) == ("a", "X", {"args": "note"})


def test_what_is_not_recorded_is_refused():
    with pytest.raises(NotImplementedError, match="record_shapes is not available"):
        profile(record_shapes=True)
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        profile(colour=True)
    with profile() as prof:
        with pytest.raises(RuntimeError, match="didn't finish running"):
            prof.table()
        with pytest.raises(RuntimeError, match="already enabled"):
            profile().__enter__()
