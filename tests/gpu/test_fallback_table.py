"""Over the op table: the common ops have kernels for the GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

import pyrite as torch
from opinfo import OPS, OpInfo, function, map_tensors, tensors

NAMES = (Path(__file__).parents[1] / "data/tier1_ops.txt").read_text(encoding="utf-8").split("\n")
COMMON = {op.name: op for op in OPS if op.name in NAMES}


def moved(op: OpInfo, sample):
    """The sample's arguments on the GPU; an op without operands makes its result there."""
    args, named = map_tensors(lambda x: x.detach().to("gpu"), (sample.args, sample.named))
    if not tensors([args, named]):
        named["device"] = "gpu"
    return args, named


@pytest.mark.parametrize("name", sorted(COMMON))
def test_common_ops_have_kernels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYRITE_GPU_FALLBACK", "error")
    op = COMMON[name]
    for sample in op.samples(dtype="float32"):
        args, named = moved(op, sample)
        if name == "double" or torch.float64 in named.values():
            with pytest.raises(TypeError, match=r"float64(.|\n)*\.float\(\)"):
                function(op)(*args, **named)
            continue
        result = function(op)(*args, **named)
        assert all(x.device.type == "gpu" for x in tensors([result]))


def test_the_list_names_ops_of_the_table() -> None:
    assert len(COMMON) > 80
