"""Dtypes that are names only: they fit into tables of dtypes, and no tensor is made of one."""

from __future__ import annotations

import copy
import pickle

import pytest

import pyrite as torch
from pyrite import _unbuilt_dtypes

NAMES = _unbuilt_dtypes.__all__


@pytest.mark.parametrize("name", NAMES)
def test_is_a_dtype(name: str) -> None:
    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype) and dtype != torch.uint8
    assert pickle.loads(pickle.dumps(dtype)) is dtype and copy.deepcopy(dtype) is dtype


# As PyTorch 2.13.0 tells them.
@pytest.mark.parametrize(
    ("name", "size", "is_float", "is_complex", "is_signed"),
    [
        ("uint16", 2, False, False, False),
        ("uint64", 8, False, False, False),
        ("float8_e4m3fn", 1, True, False, True),
        ("float8_e8m0fnu", 1, True, False, False),
    ],
)
def test_facts(name: str, size: int, is_float: bool, is_complex: bool, is_signed: bool) -> None:
    dtype = getattr(torch, name)
    facts = (dtype.itemsize, dtype.is_floating_point, dtype.is_complex, dtype.is_signed)
    assert facts == (size, is_float, is_complex, is_signed)
    assert repr(dtype).endswith(f".{name}")


@pytest.mark.parametrize("name", NAMES)
def test_no_tensor_is_made(name: str) -> None:
    dtype = getattr(torch, name)
    for call in (lambda: torch.zeros(2, dtype=dtype), lambda: torch.zeros(2).to(dtype)):
        with pytest.raises(TypeError, match="not built"):
            call()


# As PyTorch 2.13.0 prints them.
def test_limits() -> None:
    assert repr(torch.finfo(torch.float8_e4m3fn)) == (
        "finfo(resolution=1, min=-448, max=448, eps=0.125, smallest_normal=0.015625, "
        "tiny=0.015625, dtype=float8_e4m3fn)"
    )
    assert repr(torch.finfo(torch.float8_e5m2)) == (
        "finfo(resolution=1, min=-57344, max=57344, eps=0.25, smallest_normal=6.10352e-05, "
        "tiny=6.10352e-05, dtype=float8_e5m2)"
    )
    assert torch.finfo(torch.float8_e4m3fnuz).max == 240
    assert repr(torch.iinfo(torch.uint16)) == "iinfo(min=0, max=65535, dtype=uint16)"
    with pytest.raises(NotImplementedError, match="float8_e8m0fnu"):
        torch.finfo(torch.float8_e8m0fnu)


def test_layouts_are_names_too() -> None:
    x = torch.ones(2)
    assert isinstance(torch.sparse_coo, torch.layout) and x.layout != torch.sparse_coo
    assert repr(torch.sparse_csr).endswith(".sparse_csr")
    assert pickle.loads(pickle.dumps(torch.jagged)) is torch.jagged
    with pytest.raises(NotImplementedError, match=r"sparse_compressed_tensor .* layouts"):
        torch.sparse_compressed_tensor([0, 1], [0], [1.0])
