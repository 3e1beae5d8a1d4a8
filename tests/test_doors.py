"""Doors to rooms that are not built: importable, honest, with errors that name what is missing."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import pyrite as torch

MODULES = [
    "_dynamo",
    "_dynamo.config",
    "_dynamo.eval_frame",
    "accelerator",
    "ao.quantization",
    "ao.quantization.observer",
    "ao.quantization.qconfig",
    "backends",
    "compiler",
    "cuda",
    "cuda.amp",
    "distributed",
    "distributed.autograd",
    "distributed.device_mesh",
    "distributed._composable.fsdp",
    "distributed.checkpoint",
    "distributed.checkpoint.default_planner",
    "distributed.checkpoint.hf_storage",
    "distributed.checkpoint.state_dict",
    "distributed.constants",
    "distributed.fsdp",
    "distributed.fsdp.api",
    "distributed.fsdp.fully_sharded_data_parallel",
    "distributed.fsdp.sharded_grad_scaler",
    "distributed.fsdp.wrap",
    "distributed.nn",
    "distributed.optim",
    "distributed.rpc",
    "distributed._tensor",
    "distributed.tensor",
    "distributed.tensor._utils",
    "distributed.tensor.placement_types",
    "distributed.tensor.parallel",
    "fx",
    "fx.node",
    "fx.passes.graph_drawer",
    "fx.proxy",
    "hub",
    "jit",
    "mps",
    "onnx",
    "profiler",
    "quantization",
    "quantization.observer",
    "quantization.qconfig",
    "types",
    "utils.model_zoo",
    "xpu",
]


@pytest.mark.parametrize("name", MODULES)
def test_module_imports_and_holds_what_it_promises(name: str) -> None:
    module = importlib.import_module(f"pyrite.{name}")
    missing = [public for public in getattr(module, "__all__", []) if not hasattr(module, public)]
    assert missing == []


def test_no_device_answers_none() -> None:
    assert not torch.cuda.is_available() and torch.cuda.device_count() == 0
    assert not torch.backends.mps.is_available() and not torch.backends.cudnn.is_available()
    assert torch.accelerator.is_available() == torch.gpu.is_available()
    assert (torch.accelerator.current_accelerator() is None) != torch.gpu.is_available()
    assert torch.distributed.is_available() and not torch.distributed.is_initialized()


def test_no_device_has_nothing_to_seed_or_free() -> None:
    torch.cuda.manual_seed_all(0)
    torch.cuda.empty_cache()
    assert torch.cuda.memory_allocated() == 0


NEEDING = ["synchronize", "current_device", "Event", "Stream", "init", "CUDAGraph"]


@pytest.mark.parametrize("name", NEEDING)
def test_what_needs_a_device_says_so(name: str) -> None:
    with pytest.raises(
        AssertionError, match=f"Torch not compiled with CUDA enabled\n  cuda.{name}"
    ):
        getattr(torch.cuda, name)()


CLOSED = [
    ("distributed.fsdp", "FullyShardedDataParallel", "sharded parameters"),
    ("distributed.checkpoint", "save", "checkpoints that several processes write"),
    ("distributed.fsdp.wrap", "enable_wrap", "sharded parameters"),
    ("distributed.rpc", "init_rpc", "remote procedure calls"),
    ("fx.passes.graph_drawer", "FxGraphDrawer", "drawing of graphs"),
    ("hub", "load_state_dict_from_url", "downloads"),
    ("jit", "load", "TorchScript compiler"),
    ("onnx", "export", "ONNX exporter"),
]


@pytest.mark.parametrize(("module", "name", "missing"), CLOSED)
def test_a_door_names_what_is_missing(module: str, name: str, missing: str) -> None:
    door = getattr(importlib.import_module(f"pyrite.{module}"), name)
    with pytest.raises(NotImplementedError, match=rf"^{module}\.{name} .*{missing}"):
        door()


def test_a_subclass_of_a_door_is_closed_too() -> None:
    class Script(torch.jit.ScriptModule):
        def __init__(self) -> None:
            self.opened = True

    with pytest.raises(NotImplementedError, match=r"^jit\.ScriptModule "):
        Script()


def test_collectives_without_a_group_fail_as_in_pytorch() -> None:
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        torch.distributed.all_reduce(torch.ones(1))


def test_compile_returns_its_argument() -> None:
    model = torch.nn.Linear(2, 2)
    assert torch.compile(model) is model
    assert torch.compile(mode="reduce-overhead", fullgraph=True)(len) is len

    @torch.compile
    def double(x: int) -> int:
        return 2 * x

    assert double(4) == 8


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"mode": "default", "options": {}}, "Either mode or options can be specified"),
        ({"mode": "fast"}, "Unrecognized mode=fast"),
    ],
)
def test_compile_checks_its_settings(settings: dict[str, object], error: str) -> None:
    with pytest.raises(RuntimeError, match=error):
        torch.compile(len, **settings)


def test_scripting_gives_back_python() -> None:
    model = torch.nn.Linear(2, 2)
    assert torch.jit.script(model) is model
    assert torch.jit.ignore(drop=True)(len) is len
    assert not torch.jit.is_scripting()


def test_cudnn_settings_are_restored() -> None:
    with torch.backends.cudnn.flags(benchmark=True):
        assert torch.backends.cudnn.benchmark
    assert not torch.backends.cudnn.benchmark


def test_schedule_is_pytorchs() -> None:
    action = torch.profiler.schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)
    names = [action(step).name for step in range(11)]
    cycle = ["NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE"]
    assert names == ["NONE", *cycle, *cycle, "NONE", "NONE"]


def test_record_function_marks_without_a_profile() -> None:
    @torch.profiler.record_function("twice")
    def twice(x: int) -> int:
        with torch.profiler.record_function("inner"):
            return 2 * x

    assert twice(3) == 6


def test_hub_loads_a_local_repository(tmp_path: Path) -> None:
    folder = str(tmp_path)
    (tmp_path / "hubconf.py").write_text('def scale(by):\n    """Scales."""\n    return 10 * by\n')
    assert torch.hub.load(folder, "scale", source="local", by=3) == 30
    assert torch.hub.list(folder, source="local") == ["scale"]
    assert torch.hub.help(folder, "scale", source="local") == "Scales."
    with pytest.raises(RuntimeError, match="Cannot find callable nope in hubconf"):
        torch.hub.load(folder, "nope", source="local")
    with pytest.raises(NotImplementedError, match=r"hub\.load"):
        torch.hub.load("owner/name", "scale")
