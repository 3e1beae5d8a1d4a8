"""What packages tell the ONNX exporter when they are imported, though there is none."""

from __future__ import annotations

import pytest

import pyrite as torch
from pyrite.onnx import symbolic_opset11
from pyrite.onnx.symbolic_helper import parse_args


@parse_args("v", "i")
def _described(g: object, x: object, n: int) -> object:
    return symbolic_opset11.unsqueeze(g, x, n)


def test_descriptions_are_taken_and_exporting_raises() -> None:
    torch.onnx.register_custom_op_symbolic("tests::op", _described, 11)
    torch.onnx.unregister_custom_op_symbolic("tests::op", 11)
    with pytest.raises(ValueError, match="Failed to register operator op"):
        torch.onnx.register_custom_op_symbolic("op", _described, 11)
    with pytest.raises(NotImplementedError, match="ONNX exporter"):
        _described(None, None, 0)
    with pytest.raises(NotImplementedError, match="ONNX exporter"):
        torch.onnx.export()
