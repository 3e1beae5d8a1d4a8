"""The profiler times marked ranges, nested ones and threads apart."""

import gzip
import json
import threading
import time

import pytest

import pyrite
from pyrite.autograd.profiler import profile, record_function
from pyrite.profiler import ProfilerActivity, schedule, tensorboard_trace_handler
from pyrite.profiler import profile as stepped


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
    with pytest.warns(UserWarning, match="nothing is recorded of devices"):
        profile(use_cuda=True)
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        profile(colour=True)
    with profile() as prof:
        with pytest.raises(RuntimeError, match="didn't finish running"):
            prof.table()
        with pytest.raises(RuntimeError, match="already enabled"):
            profile().__enter__()


def test_operations_are_recorded():
    x = pyrite.randn(4, 3)
    layer = pyrite.nn.Linear(3, 2)
    with profile(record_shapes=True, profile_memory=True, with_flops=True) as prof:
        with record_function("step"):
            y = pyrite.nn.functional.relu(layer(x)).sum()
        y.backward()
    step, linear, relu, total = prof.function_events
    assert [e.name for e in (linear, relu, total)] == ["aten::linear", "aten::relu", "aten::sum"]
    assert linear.input_shapes == [[4, 3], [2, 3], [2]] and linear.flops == 2 * 4 * 3 * 2
    assert linear.self_cpu_memory_usage >= 4 * 2 * 4
    assert step.cpu_time_total >= linear.cpu_time_total + relu.cpu_time_total
    assert step.self_cpu_time_total < step.cpu_time_total
    text = prof.key_averages(group_by_input_shape=True).table(sort_by="cpu_time_total")
    assert "Input Shapes" in text and "CPU Mem" in text and "[[4, 3], [2, 3], [2]]" in text


def test_nothing_is_recorded_after_the_context():
    with profile() as prof:
        pyrite.ones(2) + 1
    pyrite.ones(2) * 2
    assert [event.name for event in prof.function_events] == ["aten::ones", "aten::add"]


def test_inputs_of_other_shapes_are_told_apart():
    with profile(record_shapes=True) as prof:
        for size in (2, 3, 3):
            pyrite.ones(size).exp()
    counts = [event.count for event in prof.key_averages(True) if event.key == "aten::exp"]
    assert counts == [1, 2]
    assert [e.count for e in prof.key_averages() if e.key == "aten::exp"] == [3]


def test_stacks_name_the_program(tmp_path):
    with profile(with_stack=True) as prof:
        pyrite.ones(2)
    assert "test_profiler.py" in prof.function_events[0].stack[0]
    prof.export_stacks(tmp_path / "stacks")
    assert "test_profiler.py" in (tmp_path / "stacks").read_text()


def test_a_schedule_hands_over_each_cycle():
    # What PyTorch 2.13.0 hands over, by the same program.
    handed = []

    def ready(prof):
        handed.append((prof.step_num, sorted({event.key for event in prof.key_averages()})))

    cycle = schedule(wait=1, warmup=1, active=2, repeat=2)
    with stepped(activities=[ProfilerActivity.CPU], schedule=cycle, on_trace_ready=ready) as prof:
        for _ in range(8):
            pyrite.ones(3).add(1)
            prof.step()
    names = ["ProfilerStep*", "aten::add", "aten::ones"]
    assert handed == [(4, names), (8, names)]


def test_without_a_schedule_everything_is_one_recording(tmp_path):
    with stepped(on_trace_ready=tensorboard_trace_handler(str(tmp_path), use_gzip=True)) as prof:
        pyrite.ones(3)
        prof.step()
        pyrite.zeros(3)
    assert [event.name for event in prof.events()] == ["aten::ones", "aten::zeros"]
    (path,) = tmp_path.iterdir()
    with gzip.open(path) as file:
        assert len(json.load(file)["traceEvents"]) == 2


def test_profiles_that_cannot_be():
    with pytest.raises(AssertionError, match="No valid profiler activities found"):
        stepped(activities=[])
    with pytest.raises(AssertionError, match="must be initialized before getting key averages"):
        stepped().key_averages()
    with pytest.warns(UserWarning, match="nothing is recorded of devices"):
        stepped(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA])
    with stepped() as prof:
        pyrite.ones(2)
    with pytest.raises(AttributeError, match="nope"):
        prof.key_averages().table(sort_by="nope")


def test_a_range_in_two_calls():
    with profile() as prof:
        handle = pyrite.ops.profiler._record_function_enter("part")
        pyrite.ones(2)
        pyrite.ops.profiler._record_function_exit(handle)
    assert [event.name for event in prof.function_events] == ["part", "aten::ones"]
    assert prof.function_events[0].cpu_time_total > prof.function_events[1].cpu_time_total
