"""Comparison with the numbers PyTorch gave for the programs of this folder."""

import json
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parent.parent / "data" / "nn_reference.json"


@pytest.fixture(scope="session")
def reference():
    """Recorded results: file -> program -> [[shape, dtype, values], ...]."""
    return json.loads(REFERENCE.read_text())["files"]


@pytest.fixture
def check(request, reference):
    """Compare a program's tensors with PyTorch's, exactly in shape and dtype."""

    def compare(name, tensors, rtol=1e-5, atol=1e-6):
        expected = reference[request.module.__name__.rpartition(".")[2]][name]
        tensors = list(tensors)
        assert len(tensors) == len(expected)
        for tensor, (shape, dtype, values) in zip(tensors, expected, strict=True):
            assert list(tensor.shape) == shape
            assert str(tensor.dtype).rpartition(".")[2] == dtype
            assert tensor.detach().flatten().tolist() == pytest.approx(
                values, rel=rtol, abs=atol, nan_ok=True
            )

    return compare
