"""Bad arguments raise what PyTorch raises, in its words, and leave everything as it was.

The expressions are in `data/bad_inputs.txt`; `data/bad_inputs_other_words.txt` lists those whose
message differs in its first line only. That list must stay true, so that it can only shrink.
"""

from __future__ import annotations

import builtins
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import pyrite
from bad_inputs import EXPRESSIONS, bad_outcome
from outcome import close

DATA = Path(__file__).parent / "data"
TABLE: dict[str, dict[str, Any]] = json.loads((DATA / "bad_inputs.json").read_text("utf-8"))
OTHER_WORDS = frozenset((DATA / "bad_inputs_other_words.txt").read_text("utf-8").splitlines())

# What PyTorch 2.13.0 lets pass, or stumbles over further in, and what is raised here.
DELIBERATE = {
    # It reads outside of the tensor.
    "F.ctc_loss(torch.zeros(5, 2, 3), T([[1, 9], [1, 2]]), T([5, 5]), T([2, 2]))": "RuntimeError",
    "nn.utils.rnn.pack_padded_sequence(torch.ones(5, 2, 4), T([7, 5]))": "RuntimeError",
    # It keeps the lower 32 bits of the dilation.
    "nn.Conv2d(3, 8, 3, dilation=2**62)(torch.ones(1, 3, 8, 8))": "RuntimeError",
    # It computes nothing and says nothing.
    'x.add_(torch.ones(2, 4, device="meta"))': "RuntimeError",
    "torch.autograd.backward([w.sum()], [None, None])": "RuntimeError",
    # It trains with a rate of NaN.
    'optim.SGD([w], lr=math.nan).defaults["lr"]': "ValueError",
    # The empty table, or the missing dimension, is told by the rule that others break too.
    "nn.Embedding(0, 2)(T([0]))": "IndexError",
    "F.unfold(torch.ones(2, 2), 1)": "RuntimeError",
    # An error of its own parser.
    'torch.load(io.BytesIO(b"abc"))': "RuntimeError",
    'torch.load(io.StringIO("abc"))': "TypeError",
}


def kind_of(name: str) -> type[BaseException]:
    """The exception class of this name."""
    homes = (pyrite, builtins, pickle, pyrite.linalg)
    return next(kind for home in homes if (kind := getattr(home, name, None)) is not None)


def test_every_expression_is_recorded() -> None:
    assert set(TABLE) == set(EXPRESSIONS)
    assert set(TABLE) > OTHER_WORDS | set(DELIBERATE)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_bad_inputs_fail_as_in_pytorch(expression: str) -> None:
    wanted, found = TABLE[expression], bad_outcome(expression, pyrite)
    if expression in DELIBERATE:
        assert found.get("error") == DELIBERATE[expression]
        assert not found["changed"]
        return
    assert ("error" in found) == ("error" in wanted), found
    if "error" not in found:
        assert close(found["value"], wanted["value"]) or "object at 0x" in str(wanted["value"])
        return
    assert issubclass(kind_of(found["error"]), kind_of(wanted["error"])), found
    assert found["error"] != "InternalError", found["text"]
    assert not found["changed"] or wanted.get("changed", False)
    same = found["text"].split("\n")[0] == wanted.get("text", "")
    assert same != (expression in OTHER_WORDS), (found["text"], wanted.get("text"))
