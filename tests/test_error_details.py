"""Below PyTorch's first line, an op's error says what the call was given."""

import pytest

import pyrite
from pyrite.nn import functional as F


def lines_of(call):
    with pytest.raises((RuntimeError, IndexError, TypeError)) as raised:
        call()
    return str(raised.value).splitlines()


def test_tensors_are_named_with_dtype_and_shape():
    first, second = lines_of(lambda: pyrite.mm(pyrite.ones(2, 3), pyrite.ones(4, 5)))
    assert first == "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"
    assert second == "  mm: got input float32[2, 3], mat2 float32[4, 5]"


def test_arguments_at_their_default_are_left_out():
    x, weight = pyrite.ones(1, 2, 8, 8), pyrite.ones(4, 3, 3, 3)
    assert lines_of(lambda: F.conv2d(x, weight))[1] == (
        "  conv2d: got input float32[1, 2, 8, 8], weight float32[4, 3, 3, 3]"
    )
    assert lines_of(lambda: F.conv2d(x, weight, stride=2))[1].endswith("stride [2, 2]")


def test_long_lists_are_cut():
    parts = [pyrite.ones(1, 2)] * 5 + [pyrite.ones(2, 3)]
    assert lines_of(lambda: pyrite.cat(parts))[1].endswith("float32[1, 2], and 2 more)")


def test_other_devices_are_told():
    x = pyrite.ones(2, 3, device="meta")
    assert "input float32[2, 3] on meta" in lines_of(lambda: x.view(5))[1]


def test_an_error_of_a_callback_stays_as_it_is():
    x = pyrite.ones(2, requires_grad=True) * 2
    x.register_hook(lambda grad: 1 / 0)
    with pytest.raises(ZeroDivisionError) as raised:
        x.sum().backward()
    assert str(raised.value) == "division by zero"
