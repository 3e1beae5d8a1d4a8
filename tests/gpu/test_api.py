"""`pyrite.gpu`, `pyrite.cuda`, `pyrite.accelerator` and `pyrite.mps` as programs use them."""

from __future__ import annotations

import time

import pytest

import pyrite as torch
from fresh import run
from pyrite import gpu

NAMES = [gpu, torch.accelerator]


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch):
    """`pyrite.cuda` as `pyrite run` shows it."""
    monkeypatch.setenv("PYRITE_CUDA_ALIAS", "1")
    return torch.cuda


def test_cuda_shows_the_gpus_on_request_only(cuda, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cuda.is_available() and cuda.device_count() == gpu.device_count() > 0
    assert cuda.get_device_name() == gpu.get_device_name()
    monkeypatch.delenv("PYRITE_CUDA_ALIAS")
    assert not cuda.is_available() and cuda.device_count() == 0
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
        cuda.Stream()


def test_pyrite_run_shows_the_gpus(tmp_path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import torch; print(torch.cuda.is_available(), torch.zeros(1).cuda())")
    code = f"from pyrite.cli import main; main(['run', {str(program)!r}])"
    assert run(code) == "True tensor([0.], device='cuda:0')\n"
    assert run(code, PYRITE_CUDA_ALIAS="0").startswith("False")


def test_properties(cuda) -> None:
    properties = cuda.get_device_properties(0)
    assert properties.name == gpu.get_device_name(0)
    assert properties.total_memory > 0 and (properties.major, properties.minor) == (0, 0)
    assert cuda.get_device_capability() == (0, 0)
    assert "largest binding (bytes)" in properties.limits and "int64" in properties.features
    free, total = cuda.mem_get_info()
    assert 0 < free <= total == properties.total_memory


def test_devices_are_chosen_and_restored(cuda) -> None:
    assert gpu.current_device() == cuda.current_device() == 0
    for context in (gpu.device(0), cuda.device("cuda:0"), gpu.device(None), cuda.device(-1)):
        with context:
            assert torch.ones(1, device="gpu").device.index == 0
    with cuda.device_of(torch.ones(1, device="cuda")), torch.accelerator.device_index(0):
        assert torch.accelerator.current_device_index() == 0
    with pytest.raises(ValueError, match="Expected a gpu device, but got: cpu"):
        gpu.set_device("cpu")
    assert torch.accelerator.current_accelerator().type == "gpu"


def test_a_list_limits_and_orders() -> None:
    code = "import pyrite.gpu as g; print(g.device_count())"
    assert run(code, PYRITE_VISIBLE_DEVICES="0") == "1\n"
    assert run(code, PYRITE_VISIBLE_DEVICES="") == "0\n"
    assert run(code, CUDA_VISIBLE_DEVICES="-1") == "0\n"
    assert run(code, CUDA_VISIBLE_DEVICES="", PYRITE_VISIBLE_DEVICES="0") == "1\n"


def test_states_of_streams_are_read_and_set(cuda) -> None:
    torch.manual_seed(3)
    torch.rand(5, device="gpu")
    state, everywhere = gpu.get_rng_state(), cuda.get_rng_state_all()
    assert state.dtype == torch.uint8 and state.numel() == 16 and state.tolist()[0] == 3
    first = torch.rand(7, device="gpu").cpu()
    for restore in (
        lambda: gpu.set_rng_state(state),
        lambda: cuda.set_rng_state(state),
        lambda: cuda.set_rng_state_all(everywhere),
    ):
        restore()
        assert torch.rand(7, device="gpu").cpu().equal(first)
    with pytest.raises(RuntimeError, match="RNG state is wrong size"):
        gpu.set_rng_state(state[:3])
    gpu.manual_seed(11)
    assert gpu.initial_seed() == cuda.initial_seed() == 11
    with torch.random.fork_rng():
        inside = torch.rand(4, device="gpu").cpu()
    assert torch.rand(4, device="gpu").cpu().equal(inside)


def test_streams_are_one_queue(cuda) -> None:
    side, x = cuda.Stream(), torch.zeros(1000, device="cuda")
    assert cuda.current_stream() == cuda.default_stream() != side
    with cuda.stream(side):
        assert cuda.current_stream() == side
        for _ in range(20):
            x += 1
    cuda.current_stream().wait_stream(side)
    event = side.record_event()
    cuda.current_stream().wait_event(event)
    assert x.sum().item() == 20_000
    side.synchronize()
    assert side.query() and event.query() and side.device == torch.device("cuda:0")
    with gpu.Stream() as other:
        assert gpu.current_stream() == other
    assert gpu.current_stream() == gpu.default_stream()
    torch.accelerator.set_stream(side)
    assert torch.accelerator.current_stream() is side
    torch.accelerator.set_stream(gpu.default_stream())


def test_events_measure_on_the_device(cuda) -> None:
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    with pytest.raises(ValueError, match="Both events must be recorded"):
        start.elapsed_time(end)
    x = torch.randn(128, 128, device="gpu")
    (x @ x).sum().item()
    before = time.perf_counter()
    start.record()
    for _ in range(10):
        x = (x @ x).tanh()
    end.record()
    end.synchronize()
    around = (time.perf_counter() - before) * 1e3
    assert 0 < start.elapsed_time(end) <= around
    assert end.elapsed_time(start) < 0
    with pytest.raises(ValueError, match="enable_timing=True"):
        start.elapsed_time(cuda.Event())
    with pytest.raises(NotImplementedError, match="between processes"):
        gpu.Event(interprocess=True)


def test_memory_can_be_limited(cuda) -> None:
    with pytest.raises(ValueError, match="Allowed range: 0~1"):
        gpu.set_per_process_memory_fraction(2.0)
    shown = run("""
        import pyrite as torch
        torch.gpu.set_per_process_memory_fraction(0.0)
        try:
            torch.ones(10, device="gpu")
        except torch.OutOfMemoryError as error:
            print("refused")
        torch.gpu.set_per_process_memory_fraction(1.0)
        print(torch.ones(10, device="gpu").sum().item())
    """)
    assert shown == "refused\n10.0\n"


def test_metal_is_told_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not torch.mps.is_available()
    with pytest.raises(RuntimeError, match=r"Cannot execute synchronize\(\) without MPS backend"):
        torch.mps.synchronize()
    found = [{**a, "driver": "metal 3"} for a in gpu.adapters()]
    monkeypatch.setattr(gpu, "adapters", lambda: found)
    assert torch.mps.is_available() and torch.backends.mps.is_available()
    torch.mps.synchronize()
    torch.mps.manual_seed(4)
    assert torch.mps.get_rng_state().tolist()[0] == 4
    assert torch.mps.driver_allocated_memory() == gpu.memory_reserved()


@pytest.mark.parametrize(
    "name", ["CUDAGraph", "graph", "graph_pool_handle", "make_graphed_callables"]
)
def test_graphs_of_kernels_are_refused(cuda, name: str) -> None:
    args = {"graph": [None], "make_graphed_callables": [torch.relu]}.get(name, [])
    with pytest.raises(NotImplementedError, match=rf"cuda\.{name} .* no graphs of kernels"):
        getattr(cuda, name)(*args)
