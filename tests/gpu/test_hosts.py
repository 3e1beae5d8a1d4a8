"""Every shader file gives the same in another WebGPU host, wgpu-py, with a compiler of its own.

The engine records launches of the op table's samples: text, parameters, and buffers before and
after. wgpu-py runs the same text on the same bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyrite as torch
from op_samples.make import Call, call
from opinfo import OPS, OpInfo, function, map_tensors, tensors
from pyrite import _C
from pyrite.interop.wgpu import from_buffer, to_buffer

wgpu = pytest.importorskip(
    "wgpu", reason="NO wgpu-py: shaders ran in one host only; pip install 'pyrite[wgpu]'"
)

#: Launches of one file that are run again; elementwise rows are one file, so it has more.
MOST = {"map": 60}
#: Beyond one workgroup, where other shaders take over.
LARGE = {"sort": [call(torch.arange(5000.0) % 77)]}
#: Shaders for hardware that software does not play; the engine tests them where there is some.
HARDWARE = {"coop_matmul"}
NUMPY = {"bfloat16": np.uint16, "bool": np.uint8}


class Host:
    """A device of wgpu-py, for shaders with our conventions."""

    def __init__(self) -> None:
        found = wgpu.gpu.enumerate_adapters_sync()
        adapter = next(a for a in found if a.info["backend_type"] != "OpenGL")
        wanted = {"immediates", "shader-int64"} & set(adapter.features)
        limits = {k: v for k, v in adapter.limits.items() if k == "max-immediate-size"}
        self.device = adapter.request_device_sync(
            required_features=sorted(wanted), required_limits=limits
        )

    def run(self, launch: dict[str, Any]) -> list[bytes]:
        """The written buffers after a launch."""
        device, count = self.device, len(launch["before"])
        reads = count - len(launch["after"])
        kinds = ["read-only-storage"] * reads + ["storage"] * (count - reads)
        flags = wgpu.BufferUsage
        usage = flags.STORAGE | flags.COPY_SRC
        buffers = [device.create_buffer_with_data(data=b, usage=usage) for b in launch["before"]]
        layout = device.create_bind_group_layout(
            entries=[
                {"binding": i, "visibility": wgpu.ShaderStage.COMPUTE, "buffer": {"type": kind}}
                for i, kind in enumerate(kinds)
            ]
        )
        pipeline = device.create_compute_pipeline(
            layout=device.create_pipeline_layout(bind_group_layouts=[layout], immediate_size=128),
            compute={
                "module": device.create_shader_module(code=launch["text"]),
                "entry_point": "main",
            },
        )
        group = device.create_bind_group(
            layout=layout,
            entries=[
                {"binding": i, "resource": {"buffer": b, "offset": 0, "size": b.size}}
                for i, b in enumerate(buffers)
            ],
        )
        encoder = device.create_command_encoder()
        work = encoder.begin_compute_pass()
        work.set_pipeline(pipeline)
        work.set_bind_group(0, group)
        params = launch["params"].ljust(128, b"\0")
        work.set_immediates(0, params, data_size=len(params))
        work.dispatch_workgroups(*launch["groups"])
        work.end()
        device.queue.submit([encoder.finish()])
        return [bytes(device.queue.read_buffer(b)) for b in buffers[reads:]]


@pytest.fixture(scope="module")
def host() -> Host:
    return Host()


def leaf(x: torch.Tensor) -> torch.Tensor:
    """The tensor on the GPU, with a gradient if it can have one."""
    x = x.detach().to("gpu")
    return x.requires_grad_() if x.is_floating_point() else x


def launches_of(op: OpInfo, sample: Call) -> list[dict[str, Any]]:
    """What a sample launches, its gradient included; all before the error if it fails."""
    try:
        args, named = map_tensors(leaf, (sample.args, sample.named))
        _C._gpu_record(0)
        result = function(op)(*args, **named)
        sums = [x.float().sum() for x in tensors([result]) if x.requires_grad]
        if sums:
            torch.stack(sums).sum().backward()
    except (RuntimeError, TypeError, IndexError):
        pass
    return _C._gpu_recorded(0)


def recorded() -> list[dict[str, Any]]:
    """Launches of every shader file."""
    chosen: dict[str, dict[str, dict[str, Any]]] = {}
    for op in OPS:
        for sample in [*op.samples(dtype="float32"), *LARGE.get(op.name, ())]:
            for launch in launches_of(op, sample):
                texts = chosen.setdefault(launch["file"], {})
                if len(texts) < MOST.get(launch["file"], 4):
                    texts.setdefault(launch["text"], launch)
    return [launch for texts in chosen.values() for launch in texts.values()]


def numbers(dtype: str, data: bytes) -> np.ndarray:
    """The elements as numbers that can be compared."""
    array = np.frombuffer(data, NUMPY.get(dtype, dtype))
    return array.astype(np.float32) if dtype == "float16" else array


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:The operator 'aten:UserWarning")
def test_every_shader_gives_the_same(host: Host) -> None:
    launches = recorded()
    assert {launch["file"] for launch in launches} == set(_C._gpu_shaders()) - HARDWARE
    for launch in launches:
        found = host.run(launch)
        for (dtype, wanted), got in zip(launch["after"], found, strict=True):
            np.testing.assert_allclose(
                numbers(dtype, got), numbers(dtype, wanted), rtol=1e-5, atol=1e-6,
                err_msg=launch["file"],
            )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int64", "uint8", "bool"])
def test_tensors_cross_to_wgpu_py_and_back(host: Host, dtype: str) -> None:
    kind = getattr(torch, dtype)
    x = torch.arange(15).reshape(3, 5).to(kind).to("gpu")
    buffer = to_buffer(x.t(), host.device)
    back = from_buffer(buffer, (5, 3), kind)
    assert back.device.type == "gpu" and back.dtype == kind and back.cpu().equal(x.t().cpu())
    assert from_buffer(buffer, (2,), kind, "cpu").equal(x[:2, 0].cpu())
    with pytest.raises(ValueError, match=r"needs \d+ bytes; got a buffer of"):
        from_buffer(buffer, (100, 100), kind)
