"""nn.functional: values against PyTorch, argument checks, in-place forms, warnings."""

import math
import warnings

import pytest

import pyrite


def ramp(P, *shape, scale=1.0):
    """Smooth numbers in [-scale, scale] without ties."""
    return (P.arange(math.prod(shape), dtype=P.float32) * 0.7 + 0.1).sin().reshape(shape) * scale


def with_grad(function):
    """Make a program that returns a function's result on a ramp and the gradient of its sum."""

    def program(P):
        x = ramp(P, 2, 3, 4, scale=3.0).requires_grad_()
        y = function(P.nn.functional, x)
        (y * ramp(P, *y.shape)).sum().backward()
        return y, x.grad

    return program


ACTIVATIONS = {
    "celu": lambda F, x: F.celu(x, 0.7),
    "elu": lambda F, x: F.elu(x, 0.7),
    "gelu": lambda F, x: F.gelu(x),
    "gelu_tanh": lambda F, x: F.gelu(x, approximate="tanh"),
    "glu": lambda F, x: F.glu(x),
    "hardshrink": lambda F, x: F.hardshrink(x, 0.4),
    "hardsigmoid": lambda F, x: F.hardsigmoid(x),
    "hardswish": lambda F, x: F.hardswish(x),
    "hardtanh": lambda F, x: F.hardtanh(x, -0.5, 0.8),
    "leaky_relu": lambda F, x: F.leaky_relu(x, 0.2),
    "log_softmax": lambda F, x: F.log_softmax(x, 1),
    "logsigmoid": lambda F, x: F.logsigmoid(x),
    "mish": lambda F, x: F.mish(x),
    "prelu": lambda F, x: F.prelu(x, x.detach()[0, :, 0]),
    "relu": lambda F, x: F.relu(x),
    "relu6": lambda F, x: F.relu6(x * 4),
    "rrelu": lambda F, x: F.rrelu(x),
    "selu": lambda F, x: F.selu(x),
    "sigmoid": lambda F, x: F.sigmoid(x),
    "silu": lambda F, x: F.silu(x),
    "softmax": lambda F, x: F.softmax(x, -1),
    "softmin": lambda F, x: F.softmin(x, 0),
    "softplus": lambda F, x: F.softplus(x, 2.0, 3.0),
    "softshrink": lambda F, x: F.softshrink(x, 0.3),
    "softsign": lambda F, x: F.softsign(x),
    "tanh": lambda F, x: F.tanh(x),
    "tanhshrink": lambda F, x: F.tanhshrink(x),
    "threshold": lambda F, x: F.threshold(x, 0.1, -2.0),
}
GRIDS = {
    "adaptive_avg_pool2d": lambda F, x: F.adaptive_avg_pool2d(x, (2, None)),
    "adaptive_max_pool1d": lambda F, x: F.adaptive_max_pool1d(x, 2),
    "avg_pool2d": lambda F, x: F.avg_pool2d(x, 2, stride=1, padding=1, count_include_pad=False),
    "fold": lambda F, x: F.fold(x[:, :, :3].repeat(1, 4, 1)[:, :8], (2, 4), (2, 2)),
    "group_norm": lambda F, x: F.group_norm(x, 3),
    "instance_norm": lambda F, x: F.instance_norm(x),
    "interpolate_area": lambda F, x: F.interpolate(x, size=3, mode="area"),
    "interpolate_bicubic": lambda F, x: F.interpolate(x[None], scale_factor=1.5, mode="bicubic"),
    "interpolate_bilinear": lambda F, x: F.interpolate(
        x[None], size=(5, 3), mode="bilinear", align_corners=True
    ),
    "interpolate_linear": lambda F, x: F.interpolate(x, scale_factor=2, mode="linear"),
    "interpolate_nearest": lambda F, x: F.interpolate(x[None], scale_factor=(2, 1.5)),
    "layer_norm": lambda F, x: F.layer_norm(x, (3, 4)),
    "local_response_norm": lambda F, x: F.local_response_norm(x, 2, alpha=0.5),
    "lp_pool1d": lambda F, x: F.lp_pool1d(x, 2, 2),
    "max_pool1d": lambda F, x: F.max_pool1d(x, 3, 1, 1),
    "max_pool2d": lambda F, x: F.max_pool2d(x, 2, ceil_mode=True),
    "normalize": lambda F, x: F.normalize(x, dim=2),
    "pad_circular": lambda F, x: F.pad(x, (2, 1), mode="circular"),
    "pad_constant": lambda F, x: F.pad(x, (1, -1, 0, 2), value=0.5),
    "pad_reflect": lambda F, x: F.pad(x, (2, 1), mode="reflect"),
    "pad_replicate": lambda F, x: F.pad(x, (1, 2, 1, 0), mode="replicate"),
    "pixel_unshuffle": lambda F, x: F.pixel_unshuffle(x[:, :2], 2),
    "rms_norm": lambda F, x: F.rms_norm(x, (4,), eps=1e-3),
    "unfold": lambda F, x: F.unfold(x[None], 2, padding=1, stride=2),
}


def embedding_bag(mode):
    """Bags of rows of a table, with the gradient of the table."""

    def program(P):
        table = ramp(P, 5, 3).requires_grad_()
        index = P.tensor([0, 4, 4, 1, 2, 0])
        bags = P.nn.functional.embedding_bag(index, table, P.tensor([0, 2, 5]), mode=mode)
        (bags * ramp(P, 3, 3)).sum().backward()
        return bags, table.grad

    return program


def embedding(P):
    """Rows with a padding row and frequencies, and the renormalised table."""
    F = P.nn.functional
    table = ramp(P, 5, 3).requires_grad_()
    index = P.tensor([[0, 4, 4], [1, 2, 0]])
    rows = F.embedding(index, table, padding_idx=-1, scale_grad_by_freq=True)
    (rows * ramp(P, 2, 3, 3)).sum().backward()
    clipped = ramp(P, 5, 3)
    F.embedding(index[0], clipped, max_norm=0.5)
    return rows, table.grad, clipped


def drawn(function):
    """Make a program that draws from a seeded generator."""

    def program(P):
        P.manual_seed(11)
        return (function(P.nn.functional, ramp(P, 4, 3, 5)), P.rand(2))

    return program


DRAWS = {
    "alpha_dropout": lambda F, x: F.alpha_dropout(x, 0.3, training=True),
    "dropout": lambda F, x: F.dropout(x, 0.3),
    "dropout1d": lambda F, x: F.dropout1d(x, 0.4),
    "dropout1d_unbatched": lambda F, x: F.dropout1d(x[0], 0.4),
    "feature_alpha_dropout": lambda F, x: F.feature_alpha_dropout(x, 0.3, training=True),
    "gumbel_softmax": lambda F, x: F.gumbel_softmax(x, tau=0.7),
    "gumbel_softmax_hard": lambda F, x: F.gumbel_softmax(x, hard=True),
    "rrelu_training": lambda F, x: F.rrelu(x, training=True),
}


def max_unpool2d(P):
    """A pool's maxima put back where they were."""
    F = P.nn.functional
    pooled, indices = F.max_pool2d(ramp(P, 2, 3, 4), (1, 2), return_indices=True)
    return pooled, indices, F.max_unpool2d(pooled, indices, (1, 2))


def grid_sample(P):
    """An image read through an affine grid."""
    F = P.nn.functional
    grid = F.affine_grid(ramp(P, 2, 2, 3), [2, 3, 2, 4], align_corners=False)
    image = ramp(P, 2, 3, 3, 4)
    return grid, *(
        F.grid_sample(image, grid, mode, padding_mode=padding, align_corners=False)
        for mode, padding in (("bilinear", "zeros"), ("nearest", "border"))
    )


PROGRAMS = {
    **{name: with_grad(function) for name, function in (ACTIVATIONS | GRIDS).items()},
    **{name: drawn(function) for name, function in DRAWS.items()},
    **{f"embedding_bag_{mode}": embedding_bag(mode) for mode in ("sum", "mean", "max")},
    "embedding": embedding,
    "grid_sample": grid_sample,
    "max_unpool2d": max_unpool2d,
    "one_hot": lambda P: [P.nn.functional.one_hot(P.tensor([2, 0, 1]), 4)],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_equals_pytorch(name, check):
    check(name, PROGRAMS[name](pyrite), rtol=2e-5, atol=5e-6)


@pytest.mark.parametrize(
    "name",
    [
        "celu",
        "elu",
        "hardsigmoid",
        "hardswish",
        "leaky_relu",
        "mish",
        "relu",
        "relu6",
        "selu",
        "silu",
    ],
)
def test_inplace_writes_into_the_input(name):
    F = pyrite.nn.functional
    x = ramp(pyrite, 3, 4)
    expected = getattr(F, name)(x)
    written = getattr(F, name)(x, inplace=True)
    assert written is x
    assert x.tolist() == expected.tolist()


IMAGE = (2, 3, 4, 4)
BAD_CALLS = {
    "dropout_probability": (
        lambda F, x: F.dropout(x, 1.5),
        ValueError,
        "dropout probability has to be between 0 and 1, but got 1.5",
    ),
    "dropout1d_rank": (
        lambda F, x: F.dropout1d(x),
        RuntimeError,
        "dropout1d: Expected 2D or 3D input, but received a 4D input.",
    ),
    "hardtanh_bounds": (
        lambda F, x: F.hardtanh(x, 1.0, -1.0),
        ValueError,
        "min_val cannot be greater than max_val",
    ),
    "glu_scalar": (
        lambda F, x: F.glu(x.sum()),
        RuntimeError,
        "glu does not support scalars because halving size must be even",
    ),
    "batch_norm_one_value": (
        lambda F, x: F.batch_norm(x[:1, :, :1, :1], None, None, training=True),
        ValueError,
        "Expected more than 1 value per channel when training, got input size",
    ),
    "batch_norm_eps": (
        lambda F, x: F.batch_norm(x, None, None, training=True, eps=0.0),
        ValueError,
        "batch_norm eps must be positive during training, but got 0.0",
    ),
    "instance_norm_one_pixel": (
        lambda F, x: F.instance_norm(x[:, :, :1, :1]),
        ValueError,
        "Expected more than 1 spatial element when training, got input size",
    ),
    "group_norm_rank": (
        lambda F, x: F.group_norm(x[0, 0, 0], 1),
        RuntimeError,
        "Expected at least 2 dimensions for input tensor but received 1",
    ),
    "adaptive_rank": (
        lambda F, x: F.adaptive_avg_pool2d(x[0, 0], (2, 2)),
        ValueError,
        "Input dimension should be at least 3",
    ),
    "unpool_length": (
        lambda F, x: F.max_unpool2d(x, x.long(), 2, output_size=[1]),
        ValueError,
        "output_size should be a sequence containing 2 or 4 elements, but it has a length of '1'",
    ),
    "unpool_size": (
        lambda F, x: F.max_unpool2d(x, x.long(), 2, output_size=[20, 20]),
        ValueError,
        'invalid output_size "[20, 20]" (dim 0 must be between 6 and 10)',
    ),
    "interpolate_nothing": (
        lambda F, x: F.interpolate(x),
        ValueError,
        "either size or scale_factor should be defined",
    ),
    "interpolate_both": (
        lambda F, x: F.interpolate(x, size=2, scale_factor=2),
        ValueError,
        "only one of size or scale_factor should be defined",
    ),
    "interpolate_rank": (
        lambda F, x: F.interpolate(x, size=2, mode="linear"),
        NotImplementedError,
        "Got 4D input, but linear mode needs 3D input",
    ),
    "interpolate_corners": (
        lambda F, x: F.interpolate(x, size=2, align_corners=True),
        ValueError,
        "align_corners option can only be set with the interpolating modes: "
        "linear | bilinear | bicubic | trilinear",
    ),
    "grid_sample_mode": (
        lambda F, x: F.grid_sample(x, x, mode="cubic"),
        ValueError,
        "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
        "but got: 'cubic'",
    ),
    "embedding_padding": (
        lambda F, x: F.embedding(x.long(), x[0, 0], padding_idx=4),
        AssertionError,
        "Padding_idx must be within num_embeddings",
    ),
    "embedding_bag_mode": (
        lambda F, x: F.embedding_bag(x[0, 0].long(), x[0, 0], mode="median"),
        ValueError,
        "mode has to be one of sum, mean or max",
    ),
    "embedding_bag_offsets": (
        lambda F, x: F.embedding_bag(x[0, 0, 0].long(), x[0, 0]),
        ValueError,
        "offsets has to be a 1D Tensor but got None",
    ),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_call_names_the_argument(name):
    call, exception, text = BAD_CALLS[name]
    with pytest.raises(exception) as caught:
        call(pyrite.nn.functional, ramp(pyrite, *IMAGE))
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("ndim, dim", [(1, 0), (2, 1), (3, 0), (4, 1)])
def test_softmax_without_dim_warns_and_picks_pytorchs(ndim, dim):
    F = pyrite.nn.functional
    x = ramp(pyrite, *(2, 3, 4, 5)[:ndim])
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        implicit = F.softmax(x)
    assert implicit.tolist() == F.softmax(x, dim).tolist()


def test_upsample_is_a_deprecated_interpolate():
    F = pyrite.nn.functional
    x = ramp(pyrite, 1, 2, 3, 3)
    with pytest.warns(UserWarning, match="`nn.functional.upsample` is deprecated"):
        old = F.upsample(x, scale_factor=2)
    assert old.tolist() == F.interpolate(x, scale_factor=2).tolist()


def test_dropout_outside_training_draws_nothing():
    F = pyrite.nn.functional
    x = ramp(pyrite, 3, 4)
    pyrite.manual_seed(5)
    expected = pyrite.rand(3)
    pyrite.manual_seed(5)
    assert F.dropout(x, 0.5, training=False).tolist() == x.tolist()
    assert pyrite.rand(3).tolist() == expected.tolist()


def test_max_pool_returns_indices_only_on_request():
    F = pyrite.nn.functional
    x = ramp(pyrite, 1, 2, 4, 4)
    values, indices = F.max_pool2d(x, 2, return_indices=True)
    assert values.tolist() == F.max_pool2d(x, 2).tolist()
    assert indices.dtype == pyrite.int64
    assert x.flatten(2).gather(2, indices.flatten(2)).tolist() == values.flatten(2).tolist()


def test_functions_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function in (ACTIVATIONS | GRIDS).values():
            function(pyrite.nn.functional, ramp(pyrite, 2, 3, 4))
