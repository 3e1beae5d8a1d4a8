"""Versions compare as versions, not as strings."""

from __future__ import annotations

import pytest

import pyrite as torch
from pyrite.torch_version import TorchVersion


def test_the_package_names_its_version() -> None:
    assert torch.__version__ == torch.version.__version__ == "0.1.0"
    assert isinstance(torch.__version__, TorchVersion)
    assert torch.version.cuda is None and torch.version.hip is None


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("2.9", "2.13.0"),
        ("2.13.0.dev1", "2.13.0a1"),
        ("2.13.0a1", "2.13.0b1"),
        ("2.13.0rc1", "2.13"),
        ("2.13.0", "2.13.0+pyrite"),
        ("2.13.0+cpu", "2.13.0+pyrite"),
        ("2.13.0+pyrite", "2.13.1"),
    ],
)
def test_order(smaller: str, larger: str) -> None:
    assert TorchVersion(smaller) < larger and TorchVersion(larger) > smaller
    assert TorchVersion(smaller) != larger and TorchVersion(smaller) <= larger


def test_tuples_and_trailing_zeros() -> None:
    version = TorchVersion("2.13.0")
    assert version == "2.13" and version >= (2, 13) and version < (2, 14)
    assert hash(version) == hash("2.13.0")


def test_what_is_no_version_compares_as_text() -> None:
    assert TorchVersion("2.13.0") < "parrot"
