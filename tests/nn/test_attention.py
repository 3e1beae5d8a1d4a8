"""Attention and transformers: against PyTorch, masks, agreement of the two ways to attend."""

import itertools
import math
import warnings

import pytest

import pyrite

LENGTH, SOURCE, BATCH, EMBED, HEADS = 3, 4, 2, 8, 2


def ramp(P, *shape):
    """Smooth numbers in [-1, 1] without ties."""
    return (P.arange(math.prod(shape), dtype=P.float32) * 0.7 + 0.1).sin().reshape(shape)


def padding(P):
    """Positions left out, `(N, S)`."""
    return P.tensor([[False, False, False, True], [False, False, True, True]])


ATTENTIONS = {
    "plain": {},
    "no_bias": {"bias": False},
    "extra_positions": {"add_bias_kv": True, "add_zero_attn": True},
    "other_widths": {"kdim": 5, "vdim": 6},
    "batch_first": {"batch_first": True},
}


def attention_program(settings, need_weights):
    """Make a program: seeded weights, masks of both kinds, outputs and gradients."""

    def run(P):
        P.manual_seed(9)
        layer = P.nn.MultiheadAttention(EMBED, HEADS, **settings)
        shapes = [
            (LENGTH, BATCH, EMBED),
            (SOURCE, BATCH, settings.get("kdim", EMBED)),
            (SOURCE, BATCH, settings.get("vdim", EMBED)),
        ]
        inputs = [ramp(P, *shape) for shape in shapes]
        if settings.get("batch_first"):
            inputs = [x.transpose(0, 1) for x in inputs]
        output, weights = layer(
            *inputs,
            key_padding_mask=padding(P),
            attn_mask=ramp(P, LENGTH, SOURCE) > 0.8,
            need_weights=need_weights,
        )
        (output * ramp(P, *output.shape)).sum().backward()
        first, *_, last = layer.parameters()
        return [output, *([weights] if need_weights else []), first.grad, last.grad]

    return run


def self_attention(P):
    """One tensor three times: the packed projection."""
    P.manual_seed(9)
    layer = P.nn.MultiheadAttention(EMBED, HEADS)
    x = ramp(P, LENGTH, BATCH, EMBED).requires_grad_()
    output, weights = layer(x, x, x, average_attn_weights=False)
    output.square().sum().backward()
    return output, weights, x.grad, layer.in_proj_weight.grad


def transformer(settings):
    """Make a program: a seeded Transformer in evaluation, with a causal target mask."""

    def run(P):
        P.manual_seed(9)
        model = P.nn.Transformer(EMBED, HEADS, 2, 2, 16, **settings).eval()
        source, target = ramp(P, SOURCE, BATCH, EMBED), ramp(P, LENGTH, BATCH, EMBED)
        if settings.get("batch_first"):
            source, target = source.transpose(0, 1), target.transpose(0, 1)
        mask = model.generate_square_subsequent_mask(LENGTH)
        output = model(source, target, tgt_mask=mask, src_key_padding_mask=padding(P))
        (output * ramp(P, *output.shape)).sum().backward()
        some = model.decoder.layers[1].multihead_attn
        return output, model.encoder.layers[0].linear1.weight, some.in_proj_weight.grad

    return run


def trained_layer(P):
    """An encoder layer with dropout under a seed."""
    P.manual_seed(9)
    layer = P.nn.TransformerEncoderLayer(EMBED, HEADS, 16, dropout=0.3)
    return [layer(ramp(P, SOURCE, BATCH, EMBED))]


PROGRAMS = {
    f"{name}_{'weights' if need_weights else 'fused'}": attention_program(settings, need_weights)
    for (name, settings), need_weights in itertools.product(ATTENTIONS.items(), (True, False))
}
PROGRAMS |= {
    "self_attention": self_attention,
    "trained_layer": trained_layer,
    "transformer": transformer({}),
    "transformer_gelu": transformer({"activation": "gelu", "batch_first": True}),
    "transformer_norm_first": transformer({"norm_first": True, "bias": False}),
}


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
@pytest.mark.parametrize("name", PROGRAMS)
def test_equals_pytorch(name, check):
    check(name, PROGRAMS[name](pyrite), rtol=5e-5, atol=1e-5)


def attend(layer, mask, **options):
    """Self-attention of a fixed batch."""
    x = ramp(pyrite, LENGTH, BATCH, EMBED)
    return layer(x, x, x, attn_mask=mask, **options)[0].flatten().tolist()


def test_causal_hint_equals_the_mask():
    layer = pyrite.nn.MultiheadAttention(EMBED, HEADS)
    mask = pyrite.nn.Transformer.generate_square_subsequent_mask(LENGTH)
    with_mask = attend(layer, mask)
    assert attend(layer, mask, is_causal=True, need_weights=False) == pytest.approx(
        with_mask, abs=1e-6
    )
    assert attend(layer, mask < 0, need_weights=False) == pytest.approx(with_mask, abs=1e-6)
    assert attend(layer, None) != pytest.approx(with_mask, abs=1e-3)


def test_unbatched_equals_a_batch_of_one():
    layer = pyrite.nn.MultiheadAttention(EMBED, HEADS)
    x = ramp(pyrite, LENGTH, EMBED)
    output, weights = layer(x, x, x)
    batched, batched_weights = layer(*[x.unsqueeze(1)] * 3)
    assert output.shape == (LENGTH, EMBED)
    assert weights.shape == (LENGTH, LENGTH)
    assert output.flatten().tolist() == pytest.approx(batched.flatten().tolist(), abs=1e-6)
    assert weights.flatten().tolist() == pytest.approx(batched_weights.flatten().tolist(), abs=1e-6)


def test_weights_are_probabilities_of_kept_positions():
    layer = pyrite.nn.MultiheadAttention(EMBED, HEADS)
    query, key = ramp(pyrite, LENGTH, BATCH, EMBED), ramp(pyrite, SOURCE, BATCH, EMBED)
    _, weights = layer(query, key, key, key_padding_mask=padding(pyrite))
    assert weights.shape == (BATCH, LENGTH, SOURCE)
    assert weights.sum(-1).flatten().tolist() == pytest.approx([1.0] * (BATCH * LENGTH))
    left_out = padding(pyrite).unsqueeze(1).expand(BATCH, LENGTH, SOURCE)
    assert weights[left_out].tolist() == [0.0] * int(left_out.sum())


BAD_CALLS = {
    "rank": (
        lambda layer, x: layer(x[None], x, x),
        AssertionError,
        "query should be unbatched 2D or batched 3D tensor but received 4-D query tensor",
    ),
    "mixed_ranks": (
        lambda layer, x: layer(x, x[0], x),
        AssertionError,
        "For batched (3-D) `query`, expected `key` and `value` to be 3-D but found 2-D and 3-D",
    ),
    "width": (
        lambda layer, x: layer(x[..., :4], x, x),
        AssertionError,
        "was expecting embedding dimension of 8, but got 4",
    ),
    "key_and_value": (
        lambda layer, x: layer(x, x, x[1:]),
        AssertionError,
        "key shape",
    ),
    "mask_shape": (
        lambda layer, x: layer(x, x, x, attn_mask=x[0]),
        RuntimeError,
        "The shape of the 2D attn_mask is",
    ),
    "mask_dtype": (
        lambda layer, x: layer(x, x, x, attn_mask=x[0].long()),
        AssertionError,
        "only bool and floating types of attn_mask are supported",
    ),
    "causal_without_mask": (
        lambda layer, x: layer(x, x, x, is_causal=True),
        RuntimeError,
        "Need attn_mask if specifying the is_causal hint.",
    ),
    "padding_length": (
        lambda layer, x: layer(x, x, x, key_padding_mask=x[:2, :, 0] > 9),
        AssertionError,
        "Expected key_padded_mask.shape[1] to be 3, but got 2",
    ),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_call_names_the_argument(name):
    call, exception, text = BAD_CALLS[name]
    layer = pyrite.nn.MultiheadAttention(EMBED, HEADS)
    with pytest.raises(exception) as caught:
        call(layer, ramp(pyrite, LENGTH, BATCH, EMBED))
    assert str(caught.value).startswith(text)


def test_bad_settings():
    with pytest.raises(AssertionError, match="embed_dim must be divisible by num_heads"):
        pyrite.nn.MultiheadAttention(8, 3)
    with pytest.raises(ValueError, match="embed_dim and num_heads must be greater than 0"):
        pyrite.nn.MultiheadAttention(8, 0)
    with pytest.raises(RuntimeError, match="activation should be relu/gelu, not tanh"):
        pyrite.nn.TransformerEncoderLayer(8, 2, activation="tanh")


def test_mismatched_mask_types_warn():
    layer = pyrite.nn.MultiheadAttention(EMBED, HEADS)
    x = ramp(pyrite, SOURCE, BATCH, EMBED)
    with pytest.warns(UserWarning, match="Support for mismatched key_padding_mask and attn_mask"):
        layer(x, x, x, key_padding_mask=padding(pyrite), attn_mask=pyrite.zeros(SOURCE, SOURCE))


def test_encoder_says_why_padding_is_not_zeroed():
    layer = pyrite.nn.TransformerEncoderLayer(EMBED, HEADS, 16)
    with pytest.warns(UserWarning, match="encoder_layer.self_attn.batch_first was not True"):
        pyrite.nn.TransformerEncoder(layer, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pyrite.nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)


def test_encoder_zeroes_padding_only_in_inference():
    layer = pyrite.nn.TransformerEncoderLayer(EMBED, HEADS, 16, batch_first=True)
    encoder = pyrite.nn.TransformerEncoder(layer, 2).eval()
    x = ramp(pyrite, BATCH, SOURCE, EMBED)
    left_out = padding(pyrite)
    with_graph = encoder(x, src_key_padding_mask=left_out).detach()
    with pyrite.no_grad():
        inference = encoder(x, src_key_padding_mask=left_out)
    assert inference[left_out].abs().max().item() == 0.0
    assert with_graph[left_out].abs().max().item() > 0.1
    assert inference[~left_out].flatten().tolist() == pytest.approx(
        with_graph[~left_out].flatten().tolist(), abs=1e-5
    )


def test_stack_copies_its_layer():
    layer = pyrite.nn.TransformerDecoderLayer(EMBED, HEADS, 16)
    decoder = pyrite.nn.TransformerDecoder(layer, 2)
    first, second = decoder.layers
    assert first is not layer and second is not first
    assert first.linear1.weight is not second.linear1.weight
    assert first.linear1.weight.tolist() == second.linear1.weight.tolist()


def test_decoder_cannot_see_ahead():
    decoder = pyrite.nn.TransformerDecoder(
        pyrite.nn.TransformerDecoderLayer(EMBED, HEADS, 16), 2
    ).eval()
    target, memory = ramp(pyrite, LENGTH, BATCH, EMBED), ramp(pyrite, SOURCE, BATCH, EMBED)
    mask = pyrite.nn.Transformer.generate_square_subsequent_mask(LENGTH)
    before = decoder(target, memory, tgt_mask=mask)
    changed = target.clone()
    changed[-1] += 1
    after = decoder(changed, memory, tgt_mask=mask)
    assert after[:-1].flatten().tolist() == pytest.approx(before[:-1].flatten().tolist(), abs=1e-6)
    assert after[-1].flatten().tolist() != pytest.approx(before[-1].flatten().tolist(), abs=1e-3)
