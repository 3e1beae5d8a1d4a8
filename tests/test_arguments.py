"""Arguments that do not fit are refused, in PyTorch 2.13's words; none is silently ignored."""

import pytest

import pyrite
from pyrite import nn

x = pyrite.zeros(2)
module = nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: pyrite.abs_(x, out=x), "abs_() got an unexpected keyword argument 'out'"),
        (
            lambda: pyrite.zeros(2, foo=1),
            "zeros() got an unexpected keyword argument 'foo'",
        ),
        (
            lambda: pyrite.full(),
            'full() missing 2 required positional argument: "size", "fill_value"',
        ),
        (lambda: pyrite.prelu(x), 'prelu() missing 1 required positional arguments: "weight"'),
        (
            lambda: x.register_hook(foo=1),
            "Tensor.register_hook() got an unexpected keyword argument 'foo'",
        ),
        (
            lambda: x.unique(foo=1),
            "Tensor.unique() got an unexpected keyword argument 'foo'",
        ),
        (
            lambda: module.to_empty(foo=1),
            "Module.to_empty() got an unexpected keyword argument 'foo'",
        ),
        (lambda: module.compile(foo=1), "compile() got an unexpected keyword argument 'foo'"),
        (
            lambda: pyrite.hub.list(".", source="local", foo=1),
            "list() got an unexpected keyword argument 'foo'",
        ),
    ],
)
def test_unknown_and_missing_arguments(call, text):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value).split("\n")[0] == text


def test_what_is_not_there_is_refused():
    with (
        pytest.raises(NotImplementedError, match="random streams of GPUs"),
        pyrite.random.fork_rng(devices=[0]),
    ):
        pass
    with pytest.raises(NotImplementedError, match="antialias"):
        nn.functional.interpolate(pyrite.ones(1, 1, 4, 4), size=2, mode="bilinear", antialias=True)
