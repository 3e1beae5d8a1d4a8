"""What `pyrite.jit` answers without a compiler."""

from __future__ import annotations

from typing import Any, Optional, Union

import pytest

import pyrite as torch

ASKED = {
    "list": ([1, 2], list[int], True),
    "list of something else": ([1, "a"], list[int], False),
    "empty list": ([], list[int], True),
    "dict": ({"a": torch.ones(1)}, dict[str, torch.Tensor], True),
    "tuple": ((1, 2.0), tuple[int, float], True),
    "short tuple": ((1,), tuple[int, float], False),
    "nested": ({"a": [1]}, dict[str, list[int]], True),
    "optional": (None, Optional[int], True),  # noqa: UP045
    "union": ([1.0], Union[int, list[float]], True),  # noqa: UP007
    "bar": ("a", int | str, True),
    "several": (1.0, (int, str), False),
    "plain": (torch.ones(1), torch.Tensor, True),
    "any": (1, Any, True),
}


@pytest.mark.parametrize("name", ASKED)
def test_isinstance_looks_into_containers(name: str) -> None:
    value, kind, answer = ASKED[name]
    assert torch.jit.isinstance(value, kind) is answer


def test_isinstance_wants_to_know_what_a_container_holds() -> None:
    with pytest.raises(RuntimeError, match=r"use dict without contained types.*dict\[int, int\]"):
        torch.jit.isinstance({}, dict)


def test_numbers_for_each_dimension_in_annotations() -> None:
    from pyrite.jit.annotations import BroadcastingList2

    assert BroadcastingList2[int] is None
