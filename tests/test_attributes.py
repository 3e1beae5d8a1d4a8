"""Attributes of tensors that tell what they are; every case of data/attributes.json."""

import pytest

from recorded import cases, check

ATTRIBUTES = cases("attributes")


@pytest.mark.parametrize("expression", ATTRIBUTES)
@pytest.mark.filterwarnings("ignore")
def test_outcome_is_pytorchs(expression):
    check(expression, ATTRIBUTES[expression])
