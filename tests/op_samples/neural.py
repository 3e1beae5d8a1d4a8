"""Layers: convolutions, pools, norms, activations, attention, recurrent cells, embeddings."""

from __future__ import annotations

from op_samples.make import Make, Samples, call


def _pool(rank, **named):
    def samples(t):
        space = (4, 5, 3)[:rank]
        return [
            call(t(1, 2, *space), 2),
            call(t(2, *space), (2,) * rank, 1, 1, **named),
            call(t(1, 1, *space), 2, ceil_mode=True),
        ]

    return samples


def _adaptive(rank):
    return lambda t: [call(t(1, 2, *(4, 5, 3)[:rank]), (2,) * rank)]


def _conv(rank):
    def samples(t):
        space, one = (4, 5, 3)[:rank], (2,) * rank
        return [
            call(t(1, 2, *space), t(3, 2, *one), t(3)),
            call(t(1, 2, *space), t(2, 1, *one), None, 2, 1, 1, 2),
            call(t(1, 2, *space), t(1, 2, *one), None, 1, "same", 2),
            call(t(2, *space), t(1, 2, *one)),
        ]

    return samples


def _conv_transpose(rank):
    def samples(t):
        space, one = (3, 2, 2)[:rank], (2,) * rank
        return [
            call(t(1, 2, *space), t(2, 3, *one), t(3)),
            call(t(1, 2, *space), t(2, 1, *one), None, 2, 1, 1, 2),
        ]

    return samples


def _resample(rank, *rest):
    def samples(t):
        space = (3, 4, 2)[:rank]
        return [
            call(t(1, 2, *space), tuple(n + 2 for n in space), *rest, None),
            call(t(1, 1, *space), None, *rest, (1.5,) * rank),
        ]

    return samples


def _shrink(t):
    return [
        call(t(1, 2, 5, 6), (3, 4), False, None),
        call(t(1, 1, 4, 4), None, True, (0.5, 1.5)),
    ]


def _cell(gates, states=1):
    def samples(t):
        hidden = t(2, 2) if states == 1 else [t(2, 2), t(2, 2)]
        weights = t(gates * 2, 3), t(gates * 2, 2)
        biases = t(gates * 2), t(gates * 2)
        return [call(t(2, 3), hidden, *weights, *biases), call(t(2, 3), hidden, *weights)]

    return samples


def _recurrent(gates, states=1):
    def samples(t):
        def weights(directions):
            shapes = ((gates * 2, 3), (gates * 2, 2), (gates * 2,), (gates * 2,))
            return [t(*shape, low=-1, high=1) for _ in range(directions) for shape in shapes]

        def hidden(directions):
            made = [t(directions, 2, 2) for _ in range(states)]
            return made if states == 2 else made[0]

        sizes = t.of([2, 2, 1])
        packed = call(t(5, 3), sizes, hidden(1), weights(1), True, 1, 0.0, True, False)
        return [
            call(t(3, 2, 3), hidden(1), weights(1), True, 1, 0.0, True, False, False),
            call(t(2, 3, 3), hidden(2), weights(2), True, 1, 0.0, True, True, True),
            packed,
        ]

    return samples


def _statistics(t):
    return t.fixed(2), t.fixed(2, low=0.5, high=2)


def _batch_norm(t):
    return [
        call(t(3, 2), t(2), t(2), None, None, True, 0.1, 1e-5, True),
        call(t(3, 2, 2), t(2), t(2), *_statistics(t), False, 0.1, 1e-5, True),
        call(t(3, 2, 2), None, None, *_statistics(t), True, 0.1, 1e-5, True),
    ]


def _attention(t):
    return [
        call(t(1, 2, 3, 4), t(1, 2, 5, 4), t(1, 2, 5, 2)),
        call(t(2, 3, 4), t(2, 3, 4), t(2, 3, 4), is_causal=True),
        call(t(2, 3, 4), t(2, 3, 4), t(2, 3, 4), t(3, 3), scale=0.5),
        call(t(2, 3, 4), t(2, 3, 4), t(2, 3, 4), t.of([[1, 0, 1], [1, 1, 0], [0, 1, 1]], "bool")),
    ]


def _bag(t):
    index = t.of([1, 0, 2, 2])
    return [call(t(3, 2), index, t.of([0, 2]), False, mode) for mode in (0, 1, 2)] + [
        call(t(3, 2), index, t.of([0, 3]), False, 0, False, t(4))
    ]


def _plane_indices(t: Make, rank: int):
    return t.of([[[1, 3]]]) if rank == 1 else t.of([[[0, 5], [10, 15]]])


SAMPLES: Samples = {
    "adaptive_avg_pool1d": _adaptive(1),
    "adaptive_avg_pool2d": _adaptive(2),
    "adaptive_avg_pool3d": _adaptive(3),
    "adaptive_max_pool1d": _adaptive(1),
    "adaptive_max_pool2d": _adaptive(2),
    "adaptive_max_pool3d": _adaptive(3),
    "affine_grid_generator": lambda t: [
        call(t(1, 2, 3), (1, 1, 2, 3), False),
        call(t(1, 3, 4), (1, 1, 2, 2, 2), True),
    ],
    "alpha_dropout": lambda t: [call(t(2, 3), 0.5, False), call(t(2, 3), 0.5, True)],
    "avg_pool1d": _pool(1, count_include_pad=False),
    "avg_pool2d": _pool(2, count_include_pad=False),
    "avg_pool3d": _pool(3, divisor_override=3),
    "batch_norm": _batch_norm,
    "celu": lambda t: [call(t(2, 3)), call(t(2, 3), 0.5)],
    "col2im": lambda t: [call(t(1, 4, 4), (3, 3), (2, 2), (1, 1), (0, 0), (1, 1))],
    "constant_pad_nd": lambda t: [call(t(2, 3), (1, 2, 0, 1), 0.5), call(t(2, 3), (-1, 1))],
    "conv1d": _conv(1),
    "conv2d": _conv(2),
    "conv3d": _conv(3),
    "conv_tbc": lambda t: [call(t(4, 1, 2), t(2, 2, 3), t(3), 1)],
    "conv_transpose1d": _conv_transpose(1),
    "conv_transpose2d": _conv_transpose(2),
    "conv_transpose3d": _conv_transpose(3),
    "cosine_similarity": lambda t: [call(t(2, 3), t(2, 3)), call(t(2, 3), t(3), 0, 1e-3)],
    "dropout": lambda t: [call(t(2, 3), 0.5, False), call(t(2, 3), 0.5, True)],
    "embedding": lambda t: [
        call(t(4, 2), t.of([[0, 3], [1, 1]])),
        call(t.fixed(4, 2), t.of([0, 1, 1]), 1, True),
    ],
    "embedding_bag": _bag,
    "embedding_renorm_": lambda t: [call(t.fixed(3, 2), t.of([0, 2]), 1.0, 2.0)],
    "feature_alpha_dropout": lambda t: [call(t(2, 3), 0.5, False), call(t(2, 3), 0.5, True)],
    "feature_dropout": lambda t: [call(t(2, 3, 2), 0.5, False), call(t(2, 3, 2), 0.5, True)],
    "fractional_max_pool2d": lambda t: [
        call(t(1, 2, 5, 4), (2, 2), (3, 2), t.fixed(1, 2, 2, low=0, high=1))
    ],
    "fractional_max_pool3d": lambda t: [
        call(t(1, 1, 4, 3, 5), (2, 1, 2), (2, 2, 3), t.fixed(1, 1, 3, low=0, high=1))
    ],
    "glu": lambda t: [call(t(2, 4)), call(t(4, 2), 0)],
    "grid_sampler": lambda t: [
        call(t(1, 1, 3, 4), t(1, 2, 2, 2, low=-0.9, high=0.9), mode, pad, False)
        for mode in (0, 2)
        for pad in (0, 1)
    ],
    "grid_sampler_2d": lambda t: [
        call(t(1, 1, 3, 4), t(1, 2, 2, 2, low=-0.9, high=0.9), mode, 1, True) for mode in (0, 1, 2)
    ],
    "grid_sampler_3d": lambda t: [
        call(t(1, 1, 2, 3, 2), t(1, 1, 2, 2, 3, low=-0.9, high=0.9), mode, 0, False)
        for mode in (0, 1)
    ],
    "group_norm": lambda t: [call(t(2, 4, 3), 2, t(4), t(4)), call(t(2, 4), 4)],
    "gru": _recurrent(3),
    "gru_cell": _cell(3),
    "im2col": lambda t: [call(t(1, 2, 3, 4), (2, 2), (1, 1), (1, 0), (1, 2))],
    "instance_norm": lambda t: [
        call(t(2, 2, 3), t(2), t(2), None, None, True, 0.1, 1e-5, True),
        call(t(2, 2, 3), None, None, *_statistics(t), False, 0.1, 1e-5, True),
    ],
    "layer_norm": lambda t: [call(t(2, 3, 4), (4,), t(4), t(4)), call(t(2, 3), (2, 3))],
    "log_softmax": lambda t: [call(t(2, 3), 1), call(t(2, 3, 2), 0)],
    "lstm": _recurrent(4, 2),
    "lstm_cell": _cell(4, 2),
    "max_pool1d": _pool(1, dilation=1),
    "max_pool1d_with_indices": _pool(1),
    "max_pool2d": _pool(2),
    "max_pool2d_with_indices": _pool(2),
    "max_pool3d": _pool(3),
    "max_pool3d_with_indices": _pool(3),
    "max_unpool2d": lambda t: [call(t(1, 2, 2), _plane_indices(t, 2), (4, 4))],
    "max_unpool3d": lambda t: [
        call(t(1, 1, 1, 2), t.of([[[[0, 7]]]]), (2, 2, 2), (2, 2, 2), (0, 0, 0))
    ],
    "native_dropout": lambda t: [call(t(2, 3), 0.5, False), call(t(2, 3), 0.5, True)],
    "native_batch_norm": lambda t: [
        call(t(3, 2, 2), t(2), t(2), None, None, True, 0.1, 1e-5),
        call(t(3, 2), None, None, *_statistics(t), False, 0.1, 1e-5),
    ],
    "native_group_norm": lambda t: [call(t(2, 4, 3), t(4), t(4), 2, 4, 3, 2, 1e-5)],
    "native_layer_norm": lambda t: [
        call(t(2, 3, 4), (4,), t(4), t(4), 1e-5),
        call(t(2, 3), (2, 3), None, None, 0.1),
    ],
    "pad": lambda t: [
        call(t(2, 3), (1, 1)),
        call(t(1, 2, 4), (2, 1), "reflect"),
        call(t(1, 2, 3), (1, 2), "replicate"),
        call(t(1, 2, 3), (1, 2), "circular"),
    ],
    "prelu": lambda t: [call(t(2, 3), t(3)), call(t(2, 3), t(1))],
    "relu6": lambda t: [call(t(2, 3, low=-1, high=7))],
    "rms_norm": lambda t: [call(t(2, 3), (3,), t(3)), call(t(2, 3), (2, 3), None, 0.1)],
    "rnn_relu": _recurrent(1),
    "rnn_relu_cell": _cell(1),
    "rnn_tanh": _recurrent(1),
    "rnn_tanh_cell": _cell(1),
    "rrelu": lambda t: [call(t(2, 3)), call(t(2, 3), 0.1, 0.3, True)],
    "_safe_softmax": lambda t: [call(t(2, 3), 1), call(t(2, 3, 2), 0)],
    "scaled_dot_product_attention": _attention,
    "selu": lambda t: [call(t(2, 3))],
    "softmax": lambda t: [call(t(2, 3), 1), call(t(2, 3, 2), 0)],
    "_upsample_bicubic2d_aa": _shrink,
    "_upsample_bilinear2d_aa": _shrink,
    "_upsample_lanczos2d_aa": _shrink,
    "_upsample_nearest_exact1d": _resample(1),
    "_upsample_nearest_exact2d": _resample(2),
    "_upsample_nearest_exact3d": _resample(3),
    "upsample_bicubic2d": _resample(2, True),
    "upsample_bilinear2d": _resample(2, False),
    "upsample_linear1d": _resample(1, False),
    "upsample_nearest1d": _resample(1),
    "upsample_nearest2d": _resample(2),
    "upsample_nearest3d": _resample(3),
    "upsample_trilinear3d": _resample(3, True),
}
