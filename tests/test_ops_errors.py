"""A call that cannot be carried out raises PyTorch's exception and changes nothing."""

from __future__ import annotations

import builtins
import gc
import json
from pathlib import Path

import pytest

import pyrite
from op_samples.errors import ERRORS
from op_samples.make import Make
from op_values import described
from opinfo import OPS, by_name, function, tensors

RECORDED = json.loads((Path(__file__).parent / "data/ops.json").read_text(encoding="utf-8"))


def raised(call, sample):
    """The exception of a call that must fail, its arguments unchanged."""
    inputs = tensors([sample.args, sample.named])
    before = [(described(x), x._version, x.grad_fn) for x in inputs]
    with pytest.raises(Exception) as info:
        call(*sample.args, **sample.named)
    assert not isinstance(info.value, pyrite._C.InternalError)
    assert [(described(x), x._version, x.grad_fn) for x in inputs] == before
    return info.value


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_exceptions_are_pytorchs(name):
    wanted = RECORDED[f"errors.{name}"]
    samples = ERRORS[name](Make(pyrite))
    assert len(samples) == len(wanted), "record the error inputs again: data/record_ops.py"
    for number, (sample, expected) in enumerate(zip(samples, wanted, strict=True)):
        error = raised(function(by_name(name)), sample)
        kind = getattr(builtins, expected["error"], RuntimeError)
        assert isinstance(error, kind), f"sample {number}: {error!r}, not {expected}"


CALLED = [op for op in OPS if op.samples()]


@pytest.mark.parametrize("op", CALLED, ids=lambda op: op.name)
def test_an_unknown_keyword_is_refused(op):
    for sample in op.samples():
        sample.named["bogus"] = 1
        error = raised(function(op), sample)
        assert isinstance(error, TypeError)
        assert op.name in str(error)
        assert "bogus" in str(error)


@pytest.mark.parametrize("op", CALLED, ids=lambda op: op.name)
def test_an_argument_of_no_type_is_refused(op):
    (sample, *_) = op.samples()
    if not sample.args or not any(tensors([part]) for part in sample.args):
        sample.args = (*sample.args, object())
    else:
        sample.args = tuple(object() if tensors([part]) else part for part in sample.args)
    with pytest.raises((TypeError, AttributeError)):
        function(op)(*sample.args, **sample.named)


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_nothing_lives_on(name):
    """Tensors and memory of a failed call are freed with the exception."""
    op, gradients = by_name(name), True

    def fail():
        for sample in ERRORS[name](Make(pyrite)):
            with pyrite.set_grad_enabled(gradients):
                try:
                    function(op)(*sample.args, **sample.named)
                except Exception as error:
                    del error

    fail()
    gc.collect()
    before = pyrite._C._live_counts()
    fail()
    assert pyrite._C._live_counts() == before
