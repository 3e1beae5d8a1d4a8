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


FAR = 2**63 - 1
rows = pyrite.arange(6.0).reshape(2, 3)
query = pyrite.ones(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (
            lambda: rows.narrow(1, 1, FAR),
            RuntimeError,
            f"start (1) + length ({FAR}) exceeds dimension size (3).",
        ),
        (
            lambda: rows.unfold(0, 1, 2**62),
            RuntimeError,
            "as_strided: Negative strides are not supported at the moment, "
            f"got strides: [{-(2**62)}, 1, 3]",
        ),
        (
            lambda: pyrite.tile(rows, (FAR, 0)),
            RuntimeError,
            "Trying to create tensor with negative dimension -2: [-2, 0]",
        ),
        (
            lambda: pyrite.tensordot(rows, pyrite.tensor(1.0), dims=([0], [0])),
            IndexError,
            "Dimension specified as 0 but tensor has no dimensions",
        ),
        (
            lambda: nn.functional.scaled_dot_product_attention(
                query, pyrite.ones(1, 2, 3, 5), query
            ),
            RuntimeError,
            "Expected size for first two dimensions of batch2 tensor to be: [2, 4] "
            "but got: [2, 5].",
        ),
        (
            lambda: pyrite.argmax(pyrite.empty(0)),
            IndexError,
            "argmax(): Expected reduction dim to be specified for input.numel() == 0.",
        ),
        (
            lambda: pyrite.index_add(rows, 0, pyrite.tensor([0]), rows),
            RuntimeError,
            "index_add_(): Number of indices (1) should be equal to source.size(dim): (2), "
            "for dim: 0",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_pytorchs_errors(call, kind, text):
    with pytest.raises(kind) as info:
        call()
    assert not isinstance(info.value, pyrite._C.InternalError)
    assert str(info.value).splitlines()[0] == text


def test_a_step_beyond_the_dimension_leaves_one_window():
    assert rows.unfold(1, 2, FAR).shape == (2, 1, 2)
