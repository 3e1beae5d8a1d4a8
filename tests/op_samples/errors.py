"""Calls that have to fail, beyond those every op refuses alike (see `test_ops_errors.py`)."""

from __future__ import annotations

from op_samples import calculus, copies, fft, linalg
from op_samples.make import Samples, call

_FAR = 2**62


def _outside(t):
    return [call(t(2, 3), 2), call(t(2, 3), -3)]


def _shapes(t):
    return [call(t(2, 3), t(4)), call(t(2, 3), t(3, 3))]


def _not_negative(*rest):
    return lambda t: [call((2, -1), *rest), call((_FAR, _FAR), *rest)]


def _conv(rank):
    def samples(t):
        space, one = (4, 5, 3)[:rank], (2,) * rank
        return [
            call(t(1, 2, *space), t(3, 3, *one)),
            call(t(1, 2, *space), t(3, 2, *one), t(2)),
            call(t(1, 2, *space), t(3, 2, *one), None, 0),
            call(t(1, 2, *space), t(3, 2, *one), None, 1, -1),
            call(t(1, 2, *space), t(3, 2, *one), None, 1, 0, 0),
            call(t(1, 2, *space), t(3, 2, *one), None, 1, 0, 1, 0),
            call(t(1, 2, *space), t(3, 2, *(9,) * rank)),
            call(t(2), t(3, 2, *one)),
        ]

    return samples


def _classes(t):
    return [
        call(t(3, 4), t.of([1, 4, 0])),
        call(t(3, 4), t.of([1, -1, 0])),
        call(t(3, 4), t.of([1, 0])),
        call(t(3, 4), t.of([1, 0, 0]), t(3)),
        call(t(3, 4), t.of([1.0, 0.0, 2.0], "float64")),
    ]


ERRORS: Samples = {
    **linalg.ERRORS,
    **fft.ERRORS,
    **copies.ERRORS,
    **calculus.ERRORS,
    "add": _shapes,
    "mul": _shapes,
    "sub": lambda t: [*_shapes(t), call(t.booleans(2), t.booleans(2))],
    "maximum": _shapes,
    "pow": _shapes,
    "where": lambda t: [call(t.booleans(2), t(3), t(3)), call(t(2), t(2), t(2))],
    "bitwise_and": lambda t: [call(t(2), t(2))],
    "neg": lambda t: [call(t.booleans(2))],
    "addmm": lambda t: [call(t(2, 4), t(2, 3), t(4, 4)), call(t(3, 3), t(2, 3), t(3, 4))],
    "mm": lambda t: [call(t(2, 3), t(2, 3)), call(t(2), t(2, 3)), call(t(2, 3), t.of([[1]]))],
    "bmm": lambda t: [call(t(2, 3, 4), t(2, 3, 4)), call(t(2, 3), t(2, 3))],
    "mv": lambda t: [call(t(2, 3), t(2))],
    "dot": lambda t: [call(t(2), t(3)), call(t(2, 2), t(2))],
    "matmul": lambda t: [call(t(2, 3), t(2, 3)), call(t(), t(2)), call(t(3), t(2, 2))],
    "linear": lambda t: [call(t(2, 3), t(4, 4)), call(t(2, 3), t(4, 3), t(3))],
    "einsum": lambda t: [
        call("ij,jk", [t(2, 3)]),
        call("ij,jk->ik", [t(2, 3), t(2, 3)]),
        call("i1", [t(2)]),
        call("ij->ijk", [t(2, 3)]),
    ],
    "tensordot": lambda t: [call(t(2, 3), t(2, 3), [1], [0])],
    "cross": lambda t: [call(t(2, 2), t(2, 2))],
    "cdist": lambda t: [call(t(3, 2), t(2, 3)), call(t(3), t(2))],
    "pdist": lambda t: [call(t(3))],
    "trace": lambda t: [call(t(3))],
    "sum": lambda t: [call(t(2, 3), 2), call(t(2, 3), (0, 0))],
    "mean": lambda t: [call(t.of([1, 2])), call(t(2, 3), -3)],
    "var": lambda t: [call(t.of([1, 2])), call(t(2, 3), 2)],
    "prod": lambda t: [call(t(2, 3), 2)],
    "max": lambda t: [call(t(0)), call(t(2, 0), 1), call(t(2, 3), 2)],
    "min": lambda t: [call(t(0)), call(t(2, 0), 1)],
    "argmax": lambda t: [call(t(2, 3), 5)],
    "amax": lambda t: [call(t(0)), call(t(2, 3), (0, 0))],
    "all": lambda t: [call(t(2, 3), 2)],
    "any": lambda t: [call(t(2, 3), 2)],
    "median": lambda t: [call(t(2, 3), 2), call(t(2, 0), 1)],
    "mode": lambda t: [call(t(2, 3), 2), call(t(2, 0), 1)],
    "kthvalue": lambda t: [call(t(3), 0), call(t(3), 4)],
    "topk": lambda t: [call(t(3), 4), call(t(3), -1), call(t(3), 1, 1)],
    "sort": lambda t: [call(t(2, 3), 2)],
    "quantile": lambda t: [call(t(3), 1.5), call(t(0), 0.5), call(t.of([1, 2]), 0.5)],
    "logsumexp": _outside,
    "cumsum": _outside,
    "cumprod": _outside,
    "cummax": _outside,
    "softmax": _outside,
    "_safe_softmax": _outside,
    "log_softmax": _outside,
    "glu": lambda t: [call(t(3)), call(t(2, 3), 5), call(t())],
    "cat": lambda t: [
        call([]),
        call([t(2, 3), t(3, 2)]),
        call([t(2), t(2)], 1),
        call([t(), t()]),
    ],
    "stack": lambda t: [call([]), call([t(2), t(3)]), call([t(2)], 3)],
    "split": lambda t: [call(t(4), 0), call(t(4), -1), call(t(4), [1, 2]), call(t(), 1)],
    "chunk": lambda t: [call(t(4), 0), call(t(), 1)],
    "unbind": lambda t: [call(t()), call(t(2), 1)],
    "view": lambda t: [
        call(t(2, 3), (4, 2)),
        call(t(2, 3).t(), (6,)),
        call(t(2, 3), (-1, -1)),
        call(t(2, 3), (-2, 3)),
    ],
    "reshape": lambda t: [call(t(2, 3), (4, 2)), call(t(2, 3), (-1, 4)), call(t(0), (-1, 0))],
    "expand": lambda t: [call(t(2, 3), (3, 3)), call(t(2, 3), (3,)), call(t(2), (-1, 2))],
    "permute": lambda t: [call(t(2, 3), (0,)), call(t(2, 3), (0, 0)), call(t(2, 3), (0, 2))],
    "transpose": lambda t: [call(t(2, 3), 0, 2), call(t(2, 3), -3, 0)],
    "t": lambda t: [call(t(2, 3, 4))],
    "squeeze": lambda t: [call(t(2, 3), 2)],
    "unsqueeze": lambda t: [call(t(2, 3), 3), call(t(2, 3), -4)],
    "flatten": lambda t: [call(t(2, 3), 1, 0), call(t(2, 3), 0, 2)],
    "unflatten": lambda t: [call(t(2, 6), 1, (4, 2)), call(t(2, 6), 2, (2, 3))],
    "select": lambda t: [call(t(2, 3), 0, 2), call(t(2, 3), 0, -3), call(t(), 0, 0)],
    "narrow": lambda t: [call(t(4), 0, 3, 2), call(t(4), 0, 0, -1), call(t(), 0, 0, 0)],
    "unfold": lambda t: [call(t(3), 0, 4, 1), call(t(3), 0, 1, 0), call(t(3), 1, 1, 1)],
    "diagonal": lambda t: [call(t(3)), call(t(2, 3), 0, 0, 0)],
    "flip": lambda t: [call(t(2, 3), [2]), call(t(2, 3), [0, 0])],
    "roll": lambda t: [call(t(2, 3), (1, 1), (0,)), call(t(2, 3), 1, 2)],
    "repeat": lambda t: [call(t(2, 3), (2,)), call(t(2), (-1,))],
    "movedim": lambda t: [call(t(2, 3), (0, 1), (0,)), call(t(2, 3), (0, 0), (0, 1))],
    "tril": lambda t: [call(t(3))],
    "diag": lambda t: [call(t(2, 2, 2))],
    "gather": lambda t: [
        call(t(3, 4), 1, t.of([[4]])),
        call(t(3, 4), 2, t.of([[0]])),
        call(t(3, 4), 1, t.of([0])),
        call(t(3, 4), 1, t(1, 1)),
        call(t(3, 4), 1, t.of([[-1]])),
    ],
    "scatter": lambda t: [
        call(t(3, 3), 0, t.of([[3]]), 1.0),
        call(t(3, 3), 0, t.of([[0, 1]]), t(1, 1)),
        call(t(3, 3), 2, t.of([[0]]), 1.0),
    ],
    "scatter_add": lambda t: [call(t(3, 3), 0, t.of([[5]]), t(1, 1))],
    "index_select": lambda t: [
        call(t(3, 4), 0, t.of([3])),
        call(t(3, 4), 2, t.of([0])),
        call(t(3, 4), 0, t(1)),
        call(t(3, 4), 0, t.of([[0]])),
    ],
    "index_add": lambda t: [call(t(3, 2), 0, t.of([3]), t(1, 2))],
    "index_copy": lambda t: [call(t(3, 2), 0, t.of([3]), t(1, 2))],
    "index_put": lambda t: [
        call(t(3, 2), [t.of([3])], t(2)),
        call(t(3, 2), [t.of([0, 1])], t(3, 2)),
    ],
    "take": lambda t: [call(t(2, 3), t.of([6])), call(t(2, 3), t(1))],
    "masked_select": lambda t: [call(t(2, 3), t.booleans(2)), call(t(2), t.of([0, 1]))],
    "masked_fill": lambda t: [call(t(2), t.of([0, 1]), 1.0), call(t(2), t.booleans(3), 1.0)],
    "masked_scatter": lambda t: [call(t(3), t.of([1, 1, 1], "bool"), t(2))],
    "one_hot": lambda t: [call(t.of([-1])), call(t.of([3]), 2), call(t(2))],
    "bincount": lambda t: [call(t.of([-1])), call(t.of([[1]])), call(t.of([1]), None, -1)],
    "embedding": lambda t: [
        call(t(4, 2), t.of([4])),
        call(t(4, 2), t.of([-1])),
        call(t(4), t.of([0])),
        call(t(4, 2), t(1)),
    ],
    "conv1d": _conv(1),
    "conv2d": _conv(2),
    "conv3d": _conv(3),
    "conv_transpose2d": lambda t: [
        call(t(1, 2, 3, 3), t(3, 2, 2, 2)),
        call(t(1, 2, 3, 3), t(2, 2, 2, 2), None, 1, 0, 1),
    ],
    "max_pool2d": lambda t: [
        call(t(1, 2, 4, 4), 5),
        call(t(1, 2, 4, 4), 2, 2, 2),
        call(t(4, 4), 2),
        call(t(1, 2, 4, 4), 0),
    ],
    "avg_pool2d": lambda t: [
        call(t(1, 2, 4, 4), 5),
        call(t(1, 2, 4, 4), 2, 2, 2),
        call(t(1, 2, 4, 4), 2, divisor_override=0),
    ],
    "adaptive_avg_pool2d": lambda t: [call(t(4, 4), (2, 2)), call(t(1, 2, 4, 4), (-1, 2))],
    "batch_norm": lambda t: [
        call(t(3, 2), t(3), None, None, None, True, 0.1, 1e-5, True),
        call(t(3, 2), None, None, t.fixed(3), t.fixed(3), False, 0.1, 1e-5, True),
    ],
    "layer_norm": lambda t: [call(t(2, 3), (4,)), call(t(2, 3), (3,), t(2)), call(t(2, 3), ())],
    "group_norm": lambda t: [call(t(2, 3), 2), call(t(2, 4), 2, t(3))],
    "dropout": lambda t: [call(t(2), 1.5, True), call(t(2), -0.1, True)],
    "prelu": lambda t: [call(t(2, 3), t(2))],
    "pad": lambda t: [
        call(t(2, 3), (1,)),
        call(t(2, 3), (1, 1, 1, 1, 1, 1)),
        call(t(1, 2, 3), (3, 0), "reflect"),
        call(t(2, 3), (-4, 0)),
        call(t(2, 3), (1, 1), "nope"),
    ],
    "pixel_shuffle": lambda t: [call(t(1, 3, 2, 2), 2), call(t(2, 2), 2), call(t(1, 4, 2, 2), 0)],
    "scaled_dot_product_attention": lambda t: [
        call(t(2, 3, 4), t(2, 3, 5), t(2, 3, 5)),
        call(t(2, 3, 4), t(2, 3, 4), t(2, 3, 4), t.fixed(3, 3), is_causal=True),
    ],
    "nll_loss": lambda t: _classes(t)[:2],
    "nll_loss_nd": _classes,
    "cross_entropy_loss": lambda t: [
        *_classes(t)[:4],
        call(t(3, 4), t.of([1, 0, 2]), None, 1, -100, 1.5),
    ],
    "ctc_loss": lambda t: [
        call(t(4, 2, 3), t.of([[1, 2], [2, 2]]), (4,), (2, 1)),
        call(t(4, 2, 3), t.of([[1, 2], [2, 2]]), (5, 4), (2, 1)),
        call(t(4, 2, 3), t.of([[1, 2], [2, 2]]), (4, 4), (2, 1), 3),
    ],
    "mse_loss": _shapes,
    "l1_loss": _shapes,
    "binary_cross_entropy": lambda t: [
        call(t(2, low=0.1, high=0.9), t(3)),
        call(t.of([1.5, 0.5], "float64"), t.of([0.0, 1.0], "float64")),
    ],
    "huber_loss": lambda t: [call(t(2), t(2), 1, 0.0)],
    "smooth_l1_loss": lambda t: [call(t(2), t(2), 1, -1.0)],
    "multi_margin_loss": lambda t: [call(t(2, 3), t.of([0, 3])), call(t(2, 3), t.of([0, 1]), 3)],
    "zeros": _not_negative(),
    "ones": _not_negative(),
    "empty": _not_negative(),
    "full": _not_negative(1.0),
    "rand": _not_negative(),
    "randn": _not_negative(),
    "randint": lambda t: [call(0, (2,)), call(5, 3, (2,)), call(3, (-1,))],
    "randperm": lambda t: [call(-1)],
    "eye": lambda t: [call(-1), call(2, -1), call(_FAR)],
    "arange": lambda t: [call(0, 1, 0), call(0, 1, -1), call(float("inf")), call(float("nan"))],
    "linspace": lambda t: [call(0, 1, -1)],
    "tril_indices": lambda t: [call(-1, 2), call(_FAR, 4)],
    "complex": lambda t: [call(t(2), t.of([1, 2])), call(t.of([1]), t.of([1]))],
    "view_as_complex": lambda t: [call(t(3)), call(t.of([1, 2]))],
    "multinomial": lambda t: [
        call(t.of([1.0, -1.0], "float64"), 1),
        call(t.fixed(3, low=0.1, high=1), 4),
        call(t.of([0.0, 0.0], "float64"), 1),
    ],
    "bernoulli": lambda t: [call(t.of([2.0], "float64")), call(t.fixed(2), 1.5)],
    "normal": lambda t: [call(0.0, -1.0, (2,)), call(t.fixed(2), t.fixed(2, low=-2, high=-1))],
    "uniform_": lambda t: [call(t.fixed(2), 3.0, 1.0)],
    "exponential_": lambda t: [call(t.fixed(2), -1.0)],
    "clamp": lambda t: [call(t(2)), call(t(2), t(3))],
    "copy_": lambda t: [call(t.fixed(2), t(3))],
    "fill_": lambda t: [call(t.fixed(2), t.fixed(2))],
    "as_strided": lambda t: [call(t(4), (2, 3), (2, 1)), call(t(4), (2,), (1, 1))],
    "searchsorted": lambda t: [call(t(2, 3), t(3, 1)), call(t(3), t(2), side="up")],
    "repeat_interleave": lambda t: [call(t(2), -1), call(t(2), t.of([1, 2, 3]), 0)],
    "combinations": lambda t: [call(t(2, 2)), call(t(3), -1)],
    "grid_sampler": lambda t: [call(t(1, 1, 3, 3), t(2, 2, 2, 2), 0, 0, True)],
    "fractional_max_pool2d": lambda t: [
        call(t(1, 2, 3, 3), (2, 2), (3, 3), t.fixed(1, 2, 2)),
        call(t(3, 3), (2, 2), (2, 2), t.fixed(1, 2, 2)),
    ],
    "fractional_max_pool3d": lambda t: [
        call(t(1, 1, 4, 3, 4), (2, 1, 2), (2, 2, 3), t.fixed(1, 1, 3))
    ],
    "_upsample_bilinear2d_aa": lambda t: [call(t(1, 2, 3), (2, 2), False, None)],
    "native_layer_norm": lambda t: [call(t(2, 3), (4,), None, None, 1e-5)],
    "upsample_nearest2d": lambda t: [call(t(1, 2, 3), (2, 2), None)],
    "lerp": lambda t: [call(t(2), t(3), 0.5)],
    "cosine_similarity": lambda t: [call(t(2), t(3))],
    "triplet_margin_loss": lambda t: [call(t(2, 3), t(3, 3), t(2, 3))],
}
