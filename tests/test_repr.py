"""The text of tensors: every case of data/repr.json, formatting, and the print options."""

import json
import pathlib
import sys

import pytest

import pyrite

CASES = json.loads((pathlib.Path(__file__).parent / "data" / "repr.json").read_text())


@pytest.fixture(autouse=True)
def default_options():
    pyrite.set_printoptions(profile="default")
    yield
    pyrite.set_printoptions(profile="default")


@pytest.mark.parametrize(("options", "expression", "text"), CASES)
def test_text_is_pytorchs(options, expression, text):
    with pyrite.printoptions(**options):
        assert repr(eval(expression, {"P": pyrite})) == text.replace("torch.", "pyrite.")


def test_a_program_that_imported_torch_reads_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", pyrite)
    for expression in "float64 strided channels_last Size([2,3]) zeros(2,3).max(0)".split():
        assert repr(eval(f"pyrite.{expression}")).startswith("torch.")
    assert repr(pyrite.zeros(1, dtype=pyrite.int8)) == "tensor([0], dtype=torch.int8)"


def test_another_torch_changes_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", sys)
    assert repr(pyrite.float64) == "pyrite.float64"


def test_str_is_repr():
    tensor = pyrite.arange(3)
    assert str(tensor) == repr(tensor) == "tensor([0, 1, 2])"


def test_summary_reads_only_the_edges():
    row = pyrite.arange(4.0)
    wide = row.expand(2**20, 2**10, 4)  # 2^32 elements in 4 places
    assert repr(wide).count("0., 1., 2., 3.") == 36


def test_printing_leaves_history_alone():
    leaf = pyrite.tensor([1.0, 2.0], requires_grad=True)
    product = leaf * leaf
    node = product.grad_fn
    assert repr(product) == "tensor([1., 4.], grad_fn=<MulBackward0>)"
    assert product.grad_fn is node


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (3.14159265, "", "3.1415927410125732"),
        (3.14159265, "10.3f", "     3.142"),
        (42, "04d", "0042"),
        (True, "", "True"),
        (float("nan"), ".2f", "nan"),
    ],
)
def test_zero_dim_tensors_format_as_numbers(value, spec, text):
    assert format(pyrite.tensor(value), spec) == text


def test_format_of_a_tensor_that_requires_grad():
    assert f"{pyrite.tensor(2.5, requires_grad=True):.1f}" == "2.5"


def test_format_with_dims_is_its_text():
    assert f"{pyrite.tensor([1, 2])}" == "tensor([1, 2])"
    with pytest.raises(TypeError, match="unsupported format string"):
        format(pyrite.tensor([1.0, 2.0]), ".2f")


def test_printoptions_restores_what_was_set():
    pyrite.set_printoptions(precision=2, sci_mode=True)
    before = pyrite.get_printoptions()
    with pytest.raises(ZeroDivisionError), pyrite.printoptions(precision=7, threshold=1):
        assert pyrite.get_printoptions()["precision"] == 7
        raise ZeroDivisionError
    assert pyrite.get_printoptions() == before


def test_unknown_profile_changes_nothing():
    before = pyrite.get_printoptions()
    with pytest.raises(ValueError, match="profile"):
        pyrite.set_printoptions(precision=9, profile="tiny")
    assert pyrite.get_printoptions() == before
