"""RNN, LSTM, GRU and cells: against PyTorch, packed against padded, cells against layers."""

import itertools
import math

import pytest

import pyrite


def ramp(P, *shape):
    """Smooth numbers in [-1, 1] without ties."""
    return (P.arange(math.prod(shape), dtype=P.float32) * 0.7 + 0.1).sin().reshape(shape)


CONFIGURATIONS = {
    "plain": {},
    "relu": {"nonlinearity": "relu"},
    "stacked": {"num_layers": 2, "batch_first": True},
    "both_ways": {"num_layers": 2, "bidirectional": True},
    "no_bias": {"bias": False},
    "dropped": {"num_layers": 2, "dropout": 0.4},
    "projected": {"proj_size": 2, "bidirectional": True},
}


def suits(kind, configuration):
    """Nonlinearities belong to RNN, projections to LSTM."""
    settings = CONFIGURATIONS[configuration]
    return not ("nonlinearity" in settings and kind != "RNN") and not (
        "proj_size" in settings and kind != "LSTM"
    )


def leaves(state):
    """The tensors of a state."""
    return list(state) if isinstance(state, tuple) else [state]


def layer_program(kind, configuration):
    """Make a program: seeded weights, output, last state, gradients of input, W_ih and bias."""

    def run(P):
        P.manual_seed(5)
        layer = getattr(P.nn, kind)(3, 4, **CONFIGURATIONS[configuration])
        x = ramp(P, 5, 2, 3).requires_grad_()
        output, state = layer(x)
        (output * ramp(P, *output.shape)).sum().backward()
        parameters = list(layer.parameters())
        return [output, *leaves(state), x.grad, parameters[0].grad, parameters[-1].grad]

    return run


def cell_program(kind):
    """Make a program: a seeded cell, two steps."""

    def run(P):
        P.manual_seed(5)
        cell = getattr(P.nn, kind)(3, 4)
        state = cell(ramp(P, 2, 3))
        state = cell(ramp(P, 2, 3) * 2, state)
        return [*cell.parameters(), *leaves(state)]

    return run


def packed_program(kind):
    """Make a program: unsorted sequences through a bidirectional layer, padded again."""

    def run(P):
        P.manual_seed(5)
        layer = getattr(P.nn, kind)(3, 4, bidirectional=True, batch_first=True)
        rnn = P.nn.utils.rnn
        packed = rnn.pack_padded_sequence(
            ramp(P, 3, 4, 3), P.tensor([2, 4, 1]), batch_first=True, enforce_sorted=False
        )
        output, state = layer(packed)
        padded, lengths = rnn.pad_packed_sequence(output, batch_first=True)
        return [padded, lengths, *leaves(state)]

    return run


KINDS = ("RNN", "LSTM", "GRU")
PROGRAMS = {
    f"{kind}_{configuration}": layer_program(kind, configuration)
    for kind, configuration in itertools.product(KINDS, CONFIGURATIONS)
    if suits(kind, configuration)
}
PROGRAMS |= {f"{kind}Cell": cell_program(f"{kind}Cell") for kind in KINDS}
PROGRAMS |= {f"{kind}_packed": packed_program(kind) for kind in KINDS}


@pytest.mark.parametrize("name", PROGRAMS)
def test_equals_pytorch(name, check):
    check(name, PROGRAMS[name](pyrite), rtol=2e-5, atol=5e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_equals_each_sequence_alone(kind):
    layer = getattr(pyrite.nn, kind)(3, 4, num_layers=2)
    x, lengths = ramp(pyrite, 5, 3, 3), [5, 3, 2]
    packed = pyrite.nn.utils.rnn.pack_padded_sequence(x, lengths)
    output, state = layer(packed)
    padded, _ = pyrite.nn.utils.rnn.pad_packed_sequence(output)
    for index, length in enumerate(lengths):
        alone, last = layer(x[:length, index])
        assert padded[:length, index].flatten().tolist() == pytest.approx(
            alone.flatten().tolist(), abs=1e-6
        )
        for whole, single in zip(leaves(state), leaves(last), strict=True):
            assert whole[:, index].flatten().tolist() == pytest.approx(
                single.flatten().tolist(), abs=1e-6
            )


@pytest.mark.parametrize("kind", KINDS)
def test_cell_repeated_equals_layer(kind):
    layer = getattr(pyrite.nn, kind)(3, 4)
    cell = getattr(pyrite.nn, f"{kind}Cell")(3, 4)
    for name, parameter in cell.named_parameters():
        parameter.data = getattr(layer, f"{name}_l0").data
    x, state, steps = ramp(pyrite, 5, 2, 3), None, []
    for step in x:
        state = cell(step, state)
        steps.append(leaves(state)[0])
    output, _ = layer(x)
    assert output.flatten().tolist() == pytest.approx(
        pyrite.stack(steps).flatten().tolist(), abs=1e-6
    )


@pytest.mark.parametrize("kind", KINDS)
def test_state_carries_over(kind):
    layer = getattr(pyrite.nn, kind)(3, 4, num_layers=2)
    x = ramp(pyrite, 6, 2, 3)
    whole, _ = layer(x)
    first, state = layer(x[:2])
    second, _ = layer(x[2:], state)
    assert pyrite.cat([first, second]).flatten().tolist() == pytest.approx(
        whole.flatten().tolist(), abs=1e-6
    )


def padded_run(layer, x, states):
    """Output and last states of a padded batch."""
    output, state = layer(x, states if len(states) > 1 else states[0])
    return [output, *leaves(state)]


def packed_run(layer, x, states):
    """Output and last states of sequences of 4, 2 and 1 steps."""
    packed = pyrite.nn.utils.rnn.pack_padded_sequence(x, [4, 2, 1])
    output, state = layer(packed, states if len(states) > 1 else states[0])
    return [output.data, *leaves(state)]


LAYERS = {
    "tanh": ("RNN", {}),
    "relu": ("RNN", {"nonlinearity": "relu"}),
    "gru": ("GRU", {"bias": False}),
    "gru_both_ways": ("GRU", {"bidirectional": True}),
    "lstm": ("LSTM", {"num_layers": 2}),
    "lstm_projected": ("LSTM", {"proj_size": 2, "bidirectional": True}),
}


def double_layer(name):
    """A layer in double precision, its input and its first states."""
    kind, settings = LAYERS[name]
    pyrite.manual_seed(3)
    layer = getattr(pyrite.nn, kind)(3, 4, dtype=pyrite.float64, **settings)
    runs = layer.num_layers * (2 if layer.bidirectional else 1)
    widths = [layer.proj_size or 4] + [4] * (kind == "LSTM")
    states = [ramp(pyrite, runs, 3, width).double() * 0.5 for width in widths]
    return layer, ramp(pyrite, 4, 3, 3).double(), states


@pytest.mark.parametrize("run", [padded_run, packed_run])
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_by_kernel_are_those_of_the_definition(name, run):
    layer, x, states = double_layer(name)
    inputs = [t.requires_grad_() for t in [x, *states]] + list(layer.parameters())
    results = run(layer, x, tuple(states))
    weighted = [(r * ramp(pyrite, *r.shape)).sum() for r in results]
    for loss in [sum(weighted), weighted[-1]]:
        by_kernel = pyrite.autograd.grad(loss, inputs, retain_graph=True, allow_unused=True)
        by_ops = pyrite.autograd.grad(loss, inputs, create_graph=True, allow_unused=True)
        for ours, theirs in zip(by_kernel, by_ops, strict=True):
            assert (ours is None) == (theirs is None)
            if ours is not None:
                pyrite.testing.assert_close(ours, theirs.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("run", [padded_run, packed_run])
@pytest.mark.parametrize("name", LAYERS)
def test_second_gradients(name, run):
    layer, x, states = double_layer(name)
    inputs = [t.requires_grad_() for t in [x, *states]]

    def outputs(x, *states):
        return tuple(run(layer, x, states))

    assert pyrite.autograd.gradcheck(outputs, inputs)
    assert pyrite.autograd.gradgradcheck(outputs, inputs)


@pytest.mark.parametrize("dtype", [pyrite.bfloat16, pyrite.float16])
@pytest.mark.parametrize("name", LAYERS)
def test_half_precision_is_near_single(name, dtype):
    layer, x, states = double_layer(name)
    results = {}
    for kind in [pyrite.float32, dtype]:
        layer.to(kind)
        inputs = [t.to(kind).requires_grad_() for t in [x, *states]]
        output, *_ = packed_run(layer, inputs[0], tuple(inputs[1:]))
        output.float().sum().backward()
        results[kind] = [output, *(t.grad for t in inputs)]
        layer.zero_grad()
    for half, single in zip(results[dtype], results[pyrite.float32], strict=True):
        assert half.dtype == dtype
        pyrite.testing.assert_close(half.float(), single, rtol=0.05, atol=0.05)


def test_results_do_not_depend_on_the_number_of_threads():
    pyrite.manual_seed(0)
    layer, x = pyrite.nn.LSTM(40, 96), pyrite.randn(6, 17, 40)
    before, runs = pyrite.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            pyrite.set_num_threads(threads)
            layer.zero_grad()
            output, _ = layer(x)
            output.sum().backward()
            runs.append([output, *(p.grad.clone() for p in layer.parameters())])
    finally:
        pyrite.set_num_threads(before)
    for run in runs[1:]:
        assert all(pyrite.equal(a, b) for a, b in zip(run, runs[0], strict=True))


def test_replaced_weight_is_used():
    layer = pyrite.nn.RNN(1, 1)
    layer.weight_ih_l0 = pyrite.nn.Parameter(pyrite.zeros(1, 1))
    layer.weight_hh_l0 = pyrite.nn.Parameter(pyrite.zeros(1, 1))
    output, _ = layer(pyrite.ones(1, 1, 1))
    bias = layer.bias_ih_l0 + layer.bias_hh_l0
    assert output.item() == pytest.approx(bias.tanh().item())


def test_names_and_shapes_of_weights():
    layer = pyrite.nn.LSTM(3, 5, num_layers=2, bidirectional=True, proj_size=2)
    shapes = {name: tuple(p.shape) for name, p in layer.named_parameters()}
    assert list(shapes)[:5] == [
        "weight_ih_l0",
        "weight_hh_l0",
        "bias_ih_l0",
        "bias_hh_l0",
        "weight_hr_l0",
    ]
    assert shapes["weight_ih_l0_reverse"] == (20, 3)
    assert shapes["weight_ih_l1"] == (20, 4)
    assert shapes["weight_hh_l1"] == (20, 2)
    assert shapes["weight_hr_l1_reverse"] == (2, 5)
    assert [len(weights) for weights in layer.all_weights] == [5, 5, 5, 5]


BAD_SETTINGS = [
    ("LSTM(3.0, 4)", TypeError, "input_size should be of type int, got: float"),
    ("LSTM(3, 0)", ValueError, "hidden_size must be greater than zero"),
    ("GRU(3, 4, bias=1)", TypeError, "bias should be of type bool, got: int"),
    ("RNN(3, 4, batch_first='no')", TypeError, "batch_first should be of type bool, got: str"),
    ("RNN(3, 4, nonlinearity='x')", ValueError, "Unknown nonlinearity 'x'."),
    ("GRU(3, 4, proj_size=2)", ValueError, "proj_size argument is only supported for LSTM"),
    ("LSTM(3, 4, proj_size=4)", ValueError, "proj_size has to be smaller than hidden_size"),
    ("LSTM(3, 4, 2, dropout=2)", ValueError, "dropout should be a number in range [0, 1]"),
    ("LSTM(3, 4, 0)", ValueError, "num_layers must be greater than zero"),
]


@pytest.mark.parametrize("source, exception, text", BAD_SETTINGS)
def test_bad_settings(source, exception, text):
    with pytest.raises(exception) as caught:
        eval("nn." + source, {"nn": pyrite.nn})
    assert str(caught.value).startswith(text)


def test_dropout_of_a_single_layer_warns():
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last"):
        pyrite.nn.GRU(3, 4, dropout=0.5)


BAD_INPUTS = [
    ("LSTM", (3,), None, ValueError, "LSTM: Expected input to be 2D or 3D, got 1D instead"),
    ("GRU", (5, 2, 4), None, RuntimeError, "input.size(-1) must be equal to input_size."),
    ("RNN", (5, 2, 3), (1, 3, 4), RuntimeError, "Expected hidden size (1, 2, 4), got [1, 3, 4]"),
    ("GRU", (5, 2, 3), (1, 4), RuntimeError, "For batched 3-D input, hx should also be 3-D"),
    ("GRU", (5, 3), (1, 2, 4), RuntimeError, "For unbatched 2-D input, hx should also be 2-D"),
]


@pytest.mark.parametrize("kind, shape, state, exception, text", BAD_INPUTS)
def test_bad_inputs(kind, shape, state, exception, text):
    layer = getattr(pyrite.nn, kind)(3, 4)
    state = None if state is None else pyrite.zeros(state)
    with pytest.raises(exception) as caught:
        layer(pyrite.zeros(shape), state)
    assert str(caught.value).startswith(text)


def test_wrong_dtype_says_what_to_convert():
    with pytest.raises(ValueError, match=r"RNN input dtype .*float64.* Convert input: input.to"):
        pyrite.nn.LSTM(3, 4)(pyrite.zeros(5, 2, 3, dtype=pyrite.float64))


def test_cell_rank():
    with pytest.raises(ValueError, match="LSTMCell: Expected input to be 1D or 2D, got 3D instead"):
        pyrite.nn.LSTMCell(3, 4)(pyrite.zeros(1, 2, 3))
