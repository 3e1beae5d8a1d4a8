"""The data that comes with the package."""

from __future__ import annotations

import pyrite as torch
from pyrite.datasets import digits, names


def test_digits_are_split_once_and_for_all() -> None:
    images, labels = digits()
    held_images, held_labels = digits(train=False)
    assert images.shape == (1437, 1, 8, 8) and images.dtype == torch.float32
    assert held_images.shape == (360, 1, 8, 8) and labels.dtype == torch.int64
    assert images.min() == 0 and images.max() == 1
    counts = torch.cat([labels, held_labels]).bincount().tolist()
    assert counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert held_labels[:5].tolist() == [0, 5, 0, 5, 0]


def test_the_first_digit_is_a_zero() -> None:
    rows = (digits(train=False)[0][0, 0] * 16).to(torch.int64).tolist()
    assert rows[0] == [0, 0, 5, 13, 9, 1, 0, 0]
    assert rows[3] == [0, 4, 12, 0, 0, 8, 8, 0]


def test_names_are_lower_case_and_unique() -> None:
    known = names()
    assert len(known) > 300 and known == sorted(set(known))
    assert all(name.isascii() and name.isalpha() and name.islower() for name in known)
