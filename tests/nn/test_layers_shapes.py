"""Layers: first weights as PyTorch draws them, outputs, shapes, reprs, state dicts, pickles."""

import copy
import math
import pickle

import pytest

import pyrite


def ramp(P, *shape):
    """Smooth numbers in [-1, 1] without ties."""
    return (P.arange(math.prod(shape), dtype=P.float32) * 0.7 + 0.1).sin().reshape(shape)


def integers(P, *shape):
    """Indices below 5."""
    return P.arange(math.prod(shape)).reshape(shape) * 3 % 5


# name -> (layer, arguments, settings, shapes of the inputs)
LAYERS = {
    "Linear": ("Linear", (4, 3), {}, [(2, 5, 4)]),
    "Linear_no_bias": ("Linear", (4, 3), {"bias": False}, [(4,)]),
    "Bilinear": ("Bilinear", (4, 3, 2), {}, [(5, 4), (5, 3)]),
    "Conv1d": ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1, "groups": 2}, [(2, 4, 7)]),
    "Conv1d_circular": (
        "Conv1d",
        (2, 3, 3),
        {"padding": 2, "padding_mode": "circular"},
        [(2, 2, 5)],
    ),
    "Conv2d": ("Conv2d", (3, 4, (3, 2)), {"dilation": (1, 2)}, [(2, 3, 5, 6)]),
    "Conv2d_same": ("Conv2d", (3, 4, 4), {"padding": "same", "bias": False}, [(3, 5, 6)]),
    "Conv2d_reflect_same": (
        "Conv2d",
        (2, 2, (2, 3)),
        {"padding": "same", "padding_mode": "reflect"},
        [(1, 2, 4, 5)],
    ),
    "Conv3d": ("Conv3d", (2, 3, 2), {}, [(1, 2, 3, 3, 4)]),
    "ConvTranspose1d": ("ConvTranspose1d", (3, 4, 3), {"stride": 2}, [(2, 3, 4)]),
    "ConvTranspose2d": (
        "ConvTranspose2d",
        (4, 2, 3),
        {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2},
        [(2, 4, 3, 3)],
    ),
    "ConvTranspose3d": ("ConvTranspose3d", (2, 2, 2), {}, [(1, 2, 2, 2, 3)]),
    "BatchNorm1d": ("BatchNorm1d", (4,), {}, [(3, 4, 5)]),
    "BatchNorm2d_cumulative": ("BatchNorm2d", (3,), {"momentum": None}, [(2, 3, 2, 4)]),
    "BatchNorm3d_no_bias": ("BatchNorm3d", (2,), {"bias": False}, [(2, 2, 2, 2, 2)]),
    "InstanceNorm1d": ("InstanceNorm1d", (3,), {}, [(3, 5)]),
    "InstanceNorm2d": (
        "InstanceNorm2d",
        (3,),
        {"affine": True, "track_running_stats": True},
        [(2, 3, 2, 4)],
    ),
    "LayerNorm": ("LayerNorm", ((3, 4),), {}, [(2, 3, 4)]),
    "GroupNorm": ("GroupNorm", (2, 4), {}, [(3, 4, 5)]),
    "RMSNorm": ("RMSNorm", (4,), {}, [(3, 4)]),
    "LocalResponseNorm": ("LocalResponseNorm", (3,), {}, [(2, 4, 3, 3)]),
    "PReLU": ("PReLU", (3,), {}, [(2, 3, 4)]),
    "MaxPool2d": ("MaxPool2d", (3,), {"stride": 2, "padding": 1}, [(2, 3, 6, 5)]),
    "AvgPool1d": ("AvgPool1d", (2,), {}, [(2, 3, 7)]),
    "AvgPool3d": ("AvgPool3d", (2,), {"divisor_override": 3}, [(1, 2, 4, 4, 4)]),
    "AdaptiveAvgPool2d": ("AdaptiveAvgPool2d", ((None, 2),), {}, [(2, 3, 5, 5)]),
    "AdaptiveMaxPool3d": ("AdaptiveMaxPool3d", (2,), {}, [(1, 2, 3, 4, 5)]),
    "LPPool2d": ("LPPool2d", (3, 2), {}, [(1, 2, 4, 4)]),
    "FractionalMaxPool2d": ("FractionalMaxPool2d", (2,), {"output_ratio": 0.5}, [(2, 3, 6, 6)]),
    "Dropout": ("Dropout", (0.4,), {}, [(3, 5)]),
    "Dropout2d": ("Dropout2d", (0.4,), {}, [(3, 5, 2, 2)]),
    "AlphaDropout": ("AlphaDropout", (0.4,), {}, [(3, 5)]),
    "Fold": ("Fold", ((4, 5), (2, 2)), {}, [(2, 8, 12)]),
    "Unfold": ("Unfold", ((2, 3),), {"padding": 1}, [(2, 2, 3, 4)]),
    "Upsample": ("Upsample", (), {"scale_factor": 2, "mode": "bilinear"}, [(1, 2, 3, 3)]),
    "PixelShuffle": ("PixelShuffle", (2,), {}, [(1, 8, 2, 3)]),
    "ChannelShuffle": ("ChannelShuffle", (2,), {}, [(1, 4, 2, 2)]),
    "ReflectionPad2d": ("ReflectionPad2d", ((1, 2, 0, 1),), {}, [(1, 2, 3, 4)]),
    "ReplicationPad3d": ("ReplicationPad3d", (1,), {}, [(1, 1, 2, 2, 2)]),
    "CircularPad1d": ("CircularPad1d", ((1, 2),), {}, [(2, 3, 4)]),
    "ConstantPad1d": ("ConstantPad1d", (1, 0.5), {}, [(2, 3)]),
    "PairwiseDistance": ("PairwiseDistance", (), {"p": 1.0}, [(3, 4), (3, 4)]),
    "CosineSimilarity": ("CosineSimilarity", (), {}, [(3, 4), (4,)]),
    "LazyLinear": ("LazyLinear", (3,), {}, [(2, 4)]),
    "LazyConv2d": ("LazyConv2d", (3, 2), {}, [(2, 4, 3, 3)]),
    "LazyConvTranspose1d": ("LazyConvTranspose1d", (3, 2), {}, [(2, 4, 3)]),
    "LazyBatchNorm2d": ("LazyBatchNorm2d", (), {}, [(2, 3, 2, 2)]),
}


def program(name):
    """Make a program: build under a seed, run twice, go back through the second output."""
    kind, arguments, settings, shapes = LAYERS[name]

    def run(P):
        P.manual_seed(7)
        layer = getattr(P.nn, kind)(*arguments, **settings)
        inputs = [ramp(P, *shape) for shape in shapes]
        layer(*inputs)
        inputs[0].requires_grad_()
        output = layer(*inputs)
        (output * ramp(P, *output.shape)).sum().backward()
        gradients = [parameter.grad for parameter in layer.parameters()]
        return [*layer.state_dict().values(), output, inputs[0].grad, *gradients]

    return run


def embedding(P):
    """A drawn table with a padding row, its rows and bags."""
    P.manual_seed(7)
    layer = P.nn.Embedding(5, 3, padding_idx=2)
    bag = P.nn.EmbeddingBag(5, 3, mode="sum")
    index = integers(P, 2, 4)
    layer(index).sum().backward()
    return layer.weight, layer(index), layer.weight.grad, bag.weight, bag(index)


def adaptive_softmax(P):
    """A seeded adaptive softmax, its loss and its predictions."""
    P.manual_seed(7)
    layer = P.nn.AdaptiveLogSoftmaxWithLoss(6, 12, [3, 7], div_value=2.0)
    x = ramp(P, 5, 6)
    output, loss = layer(x, P.tensor([0, 11, 5, 2, 8]))
    loss.backward()
    return output, loss, layer.log_prob(x), layer.predict(x), layer.head.weight.grad


PROGRAMS = {name: program(name) for name in LAYERS}
PROGRAMS |= {"Embedding": embedding, "AdaptiveLogSoftmaxWithLoss": adaptive_softmax}


@pytest.mark.parametrize("name", PROGRAMS)
def test_equals_pytorch(name, check):
    check(name, PROGRAMS[name](pyrite), rtol=2e-5, atol=5e-6)


@pytest.mark.parametrize("name", [name for name in LAYERS if not name.startswith("Lazy")])
def test_copy_and_pickle_keep_settings_and_weights(name):
    kind, arguments, settings, _ = LAYERS[name]
    layer = getattr(pyrite.nn, kind)(*arguments, **settings)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(twin) == repr(layer)
        assert list(twin.state_dict()) == list(layer.state_dict())
        for mine, other in zip(layer.parameters(), twin.parameters(), strict=True):
            assert mine is not other
            assert mine.tolist() == other.tolist()


REPRS = [
    ("Linear(3, 4)", "Linear(in_features=3, out_features=4, bias=True)"),
    (
        "Conv2d(4, 6, 3, 2, 1, 2, 2)",
        "Conv2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(2, 2), "
        "groups=2)",
    ),
    (
        "Conv1d(4, 6, 3, padding='same', padding_mode='reflect', bias=False)",
        "Conv1d(4, 6, kernel_size=(3,), stride=(1,), padding=same, bias=False, "
        "padding_mode=reflect)",
    ),
    (
        "ConvTranspose2d(4, 6, 3, 2, 1, 1)",
        "ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), "
        "output_padding=(1, 1))",
    ),
    (
        "BatchNorm2d(4, affine=False)",
        "BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=False, bias=False, "
        "track_running_stats=True)",
    ),
    ("LayerNorm(4)", "LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)"),
    ("RMSNorm((2, 3))", "RMSNorm((2, 3), eps=None, elementwise_affine=True)"),
    ("GroupNorm(2, 4)", "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)"),
    (
        "Embedding(5, 3, padding_idx=-1, max_norm=1.0)",
        "Embedding(5, 3, padding_idx=4, max_norm=1.0)",
    ),
    ("EmbeddingBag(5, 3)", "EmbeddingBag(5, 3, mode='mean')"),
    ("Dropout(0.1)", "Dropout(p=0.1, inplace=False)"),
    ("ReLU(inplace=True)", "ReLU(inplace=True)"),
    ("Hardswish(inplace=True)", "Hardswish()"),
    ("LeakyReLU(0.2, True)", "LeakyReLU(negative_slope=0.2, inplace=True)"),
    ("ReLU6()", "ReLU6()"),
    ("Softmax(dim=1)", "Softmax(dim=1)"),
    ("MaxPool1d(3)", "MaxPool1d(kernel_size=3, stride=3, padding=0, dilation=1, ceil_mode=False)"),
    ("AvgPool1d(3)", "AvgPool1d(kernel_size=(3,), stride=(3,), padding=(0,))"),
    ("Upsample(size=(2, 3))", "Upsample(size=(2, 3), mode='nearest')"),
    ("ConstantPad2d(1, 2.0)", "ConstantPad2d(padding=(1, 1, 1, 1), value=2.0)"),
    ("ZeroPad2d((1, 2, 3, 4))", "ZeroPad2d((1, 2, 3, 4))"),
]


@pytest.mark.parametrize("source, text", REPRS)
def test_repr(source, text):
    assert repr(eval("nn." + source, {"nn": pyrite.nn})) == text


BAD_LAYERS = [
    ("Conv2d(3, 4, 3, groups=2)", ValueError, "in_channels must be divisible by groups"),
    ("Conv2d(2, 3, 3, groups=2)", ValueError, "out_channels must be divisible by groups"),
    ("Conv2d(2, 2, 3, groups=0)", ValueError, "groups must be a positive integer"),
    ("Conv2d(2, 2, 3, padding='full')", ValueError, "Invalid padding string 'full'"),
    (
        "Conv2d(2, 2, 3, 2, padding='same')",
        ValueError,
        "padding='same' is not supported for strided convolutions",
    ),
    ("Conv2d(2, 2, 3, padding_mode='edge')", ValueError, "padding_mode must be one of"),
    (
        "ConvTranspose1d(2, 2, 3, padding_mode='reflect')",
        ValueError,
        'Only "zeros" padding mode is supported for ConvTranspose1d',
    ),
    ("Bilinear(0, 2, 3)", ValueError, "in1_features must be > 0, but got (in1_features=0)"),
    ("GroupNorm(3, 4)", ValueError, "num_channels (4) must be divisible by num_groups (3)"),
    ("Dropout(-0.1)", ValueError, "dropout probability has to be between 0 and 1, but got -0.1"),
    ("Embedding(3, 2, padding_idx=3)", AssertionError, "Padding_idx must be within"),
    ("Hardtanh(1.0, 1.0)", AssertionError, "max_val (1.0) must be greater than min_val (1.0)"),
    ("Unflatten(1, 3)", TypeError, "unflattened_size must be a tuple of ints, but found type int"),
    (
        "Unflatten(1, (2, 1.5))",
        TypeError,
        "unflattened_size must be tuple of ints, but found element of type float at pos 1",
    ),
    (
        "FractionalMaxPool2d(2)",
        ValueError,
        "FractionalMaxPool2d requires specifying either an output size, or a pooling ratio",
    ),
    ("HuberLoss(delta=1j)", TypeError, "delta must be a float or int, got: <class 'complex'>"),
    ("AdaptiveLogSoftmaxWithLoss(4, 9, [3, 3])", ValueError, "cutoffs should be a sequence of"),
]


@pytest.mark.parametrize("source, exception, text", BAD_LAYERS)
def test_bad_settings(source, exception, text):
    with pytest.raises(exception) as caught:
        eval("nn." + source, {"nn": pyrite.nn})
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    "layer, shape, text",
    [
        ("BatchNorm1d(3)", (3,), "expected 2D or 3D input (got 1D input)"),
        ("BatchNorm2d(3)", (2, 3, 4), "expected 4D input (got 3D input)"),
        ("InstanceNorm2d(3)", (3, 4), "expected 3D or 4D input (got 2D input)"),
        ("CircularPad2d(1)", (3, 4), "expected 3D or 4D input (got 2D input)"),
        ("Softmax2d()", (3, 4), "Softmax2d: expected input to be 3D or 4D, got 2D instead"),
    ],
)
def test_wrong_rank(layer, shape, text):
    with pytest.raises(ValueError) as caught:
        eval("nn." + layer, {"nn": pyrite.nn})(pyrite.zeros(shape))
    assert str(caught.value).startswith(text)


def test_batch_norm_uses_running_statistics_in_evaluation():
    layer = pyrite.nn.BatchNorm1d(2, momentum=0.5)
    batch = pyrite.tensor([[1.0, 10.0], [3.0, 30.0]])
    layer(batch)
    assert layer.running_mean.tolist() == pytest.approx([1.0, 10.0])
    assert layer.running_var.tolist() == pytest.approx([1.5, 100.5])  # 0.5 * (1 + unbiased)
    assert layer.num_batches_tracked.item() == 1
    layer.eval()
    expected = (batch - layer.running_mean) / (layer.running_var + layer.eps).sqrt()
    assert layer(batch).flatten().tolist() == pytest.approx(expected.flatten().tolist(), abs=1e-6)
    assert layer.num_batches_tracked.item() == 1


def test_batch_norm_loads_a_state_without_count():
    layer = pyrite.nn.BatchNorm1d(2)
    state = layer.state_dict()
    del state["num_batches_tracked"]
    state._metadata[""]["version"] = 1
    layer.load_state_dict(state)
    assert layer.num_batches_tracked.item() == 0


def test_instance_norm_warns_about_unused_num_features():
    with pytest.warns(UserWarning, match="does not match num_features"):
        pyrite.nn.InstanceNorm1d(3)(ramp(pyrite, 2, 4, 5))
    with pytest.raises(ValueError, match="to match num_features \\(3\\), but got: 4"):
        pyrite.nn.InstanceNorm1d(3, affine=True)(ramp(pyrite, 2, 4, 5))


def test_transposed_convolution_reaches_every_size_of_its_stride():
    layer = pyrite.nn.ConvTranspose2d(2, 3, 3, stride=2)
    x = ramp(pyrite, 1, 2, 4, 4)
    assert layer(x).shape == (1, 3, 9, 9)
    assert layer(x, output_size=(10, 9)).shape == (1, 3, 10, 9)
    assert layer(x, output_size=(1, 3, 9, 10)).shape == (1, 3, 9, 10)
    with pytest.raises(ValueError, match="requested an output size of"):
        layer(x, output_size=(11, 9))


def test_embedding_from_pretrained_shares_and_freezes():
    table = ramp(pyrite, 4, 3)
    layer = pyrite.nn.Embedding.from_pretrained(table)
    assert not layer.weight.requires_grad
    assert layer.weight.data_ptr() == table.data_ptr()
    assert pyrite.nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad
    with pytest.raises(AssertionError, match="expected to be 2-dimensional"):
        pyrite.nn.Embedding.from_pretrained(table[0])


def test_lazy_layer_becomes_the_plain_one():
    layer = pyrite.nn.LazyConv2d(3, 2)
    assert layer.has_uninitialized_params()
    layer(ramp(pyrite, 1, 4, 3, 3))
    assert type(layer) is pyrite.nn.Conv2d
    assert layer.weight.shape == (3, 4, 2, 2)


def test_convolution_draws_alike_in_any_memory_format():
    def first_weights(memory_format):
        layer = pyrite.nn.Conv2d(2, 3, 2).to(memory_format=memory_format)
        pyrite.manual_seed(1)
        layer.reset_parameters()
        return layer.weight.tolist()

    assert first_weights(pyrite.channels_last) == first_weights(pyrite.contiguous_format)


def test_identity_takes_anything():
    x = ramp(pyrite, 2)
    assert pyrite.nn.Identity(3, unused=True)(x) is x
