"""Reductions, scans, order statistics, products of matrices."""

from __future__ import annotations

from op_samples.make import Samples, call


def _fold(t):
    return [call(t(2, 3)), call(t(2, 3), 0), call(t(2, 3, 2), (0, -1), True), call(t(0, 2), 0)]


def _spread(t):
    return [
        call(t(2, 3)),
        call(t(2, 3), False),
        call(t(2, 3), 1),
        call(t(2, 3), 0, False, True),
        call(t(2, 3), (0, 1), correction=2),
    ]


def _extreme(t):
    return [call(t(2, 3)), call(t(2, 3), t(3)), call(t(2, 3), 1), call(t(2, 3), 0, True)]


def _along(t):
    return [call(t(2, 3), 0), call(t(2, 3), -1), call(t(), 0)]


def _logical(t):
    return [call(t.booleans(2, 3)), call(t.booleans(2, 3), 0), call(t.fixed(2, 3), (0, 1), True)]


def _quantile(t):
    levels = t.of([0.25, 0.8], t.dtype)
    return [
        call(t(5), 0.3),
        call(t(3, 4), levels, 1),
        call(t(3, 4), 0.5, 0, True, interpolation="nearest"),
    ]


def _dims(t):
    return [call(t(2, 3), 1), call(t(2, 3, 2), (0, 2), True)]


SAMPLES: Samples = {
    "addbmm": lambda t: [call(t(2, 4), t(2, 2, 3), t(2, 3, 4), beta=0.5, alpha=2.0)],
    "addbmm_": lambda t: [call(t.fixed(2, 4), t(2, 2, 3), t(2, 3, 4), beta=0.5)],
    "addcdiv": lambda t: [call(t(2, 3), t(3), t.positive(2, 3), value=0.5)],
    "addcmul": lambda t: [call(t(2, 3), t(3), t(2, 1), value=0.5)],
    "addmm": lambda t: [call(t(2, 4), t(2, 3), t(3, 4)), call(t(4), t(2, 3), t(3, 4), beta=2)],
    "addmv": lambda t: [call(t(2), t(2, 3), t(3), alpha=0.5)],
    "addr": lambda t: [call(t(2, 3), t(2), t(3), beta=0.5)],
    "all": _logical,
    "amax": lambda t: [call(t(2, 3)), *_dims(t)],
    "amin": lambda t: [call(t(2, 3)), *_dims(t)],
    "aminmax": lambda t: [call(t(2, 3)), call(t(2, 3), dim=0, keepdim=True)],
    "any": _logical,
    "argmax": lambda t: [call(t.fixed(2, 3)), call(t.fixed(2, 3), 1, True)],
    "argmin": lambda t: [call(t.fixed(2, 3)), call(t.fixed(2, 3), 0)],
    "argsort": lambda t: [call(t.fixed(2, 3)), call(t.fixed(2, 3), stable=True, dim=0)],
    "baddbmm": lambda t: [call(t(2, 2, 4), t(2, 2, 3), t(2, 3, 4), alpha=0.5)],
    "bilinear": lambda t: [call(t(2, 3), t(2, 4), t(2, 3, 4), t(2))],
    "bincount": lambda t: [
        call(t.integers(5, high=4)),
        call(t.integers(4, high=3), t.fixed(4), 5),
    ],
    "bmm": lambda t: [call(t(2, 3, 4), t(2, 4, 2))],
    "cdist": lambda t: [call(t(3, 2), t(2, 2)), call(t(2, 3, 2), t(2, 1, 2), 1.5)],
    "chain_matmul": lambda t: [call([t(2, 3), t(3, 2), t(2, 4)])],
    "count_nonzero": lambda t: [call(t.integers(2, 3, high=2)), call(t.integers(2, 3, high=2), 1)],
    "cross": lambda t: [call(t(2, 3), t(2, 3)), call(t(3, 2), t(3, 2), 0)],
    "cummax": _along,
    "cummin": _along,
    "cumprod": _along,
    "cumsum": _along,
    "dot": lambda t: [call(t(3), t(3))],
    "einsum": lambda t: [
        call("ij,jk->ik", [t(2, 3), t(3, 4)]),
        call("bij,bjk", [t(2, 2, 3), t(2, 3, 2)]),
        call("ii->i", [t(3, 3)]),
        call("i,j->", [t(2), t(3)]),
    ],
    "ger": lambda t: [call(t(2), t(3))],
    "inner": lambda t: [call(t(2, 3), t(4, 3))],
    "kron": lambda t: [call(t(2, 2), t(1, 3))],
    "kthvalue": lambda t: [call(t(2, 4), 2), call(t(4, 2), 3, 0, True)],
    "linalg_cross": lambda t: [call(t(2, 3), t(2, 3))],
    "linalg_vector_norm": lambda t: [
        call(t(2, 3)),
        call(t(2, 3), 3, 0),
        call(t(2, 3), float("inf"), (0, 1), True),
        call(t(2, 3), 1, 1),
    ],
    "linear": lambda t: [call(t(2, 3), t(4, 3), t(4)), call(t(2, 2, 3), t(4, 3)), call(t(3), t(3))],
    "logcumsumexp": _along,
    "logsumexp": lambda t: [call(t(2, 3), 1), call(t(2, 3), (0, 1), True)],
    "matmul": lambda t: [
        call(t(3), t(3)),
        call(t(2, 3), t(3)),
        call(t(3), t(2, 3, 2)),
        call(t(2, 1, 2, 3), t(2, 3, 2)),
    ],
    "max": _extreme,
    "mean": lambda t: [call(t(2, 3)), call(t(2, 3), 0), call(t(2, 3, 2), (0, -1), True)],
    "median": lambda t: [call(t(5)), call(t(3, 4), 1), call(t(3, 4), 0, True)],
    "min": _extreme,
    "mm": lambda t: [call(t(2, 3), t(3, 4)), call(t(2, 0), t(0, 3))],
    "mode": lambda t: [call(t(2, 3)), call(t(3, 2), 0, True)],
    "msort": lambda t: [call(t(4, 2))],
    "mv": lambda t: [call(t(2, 3), t(3))],
    "nanmean": lambda t: [call(_with_nan(t)), call(_with_nan(t), 0, True)],
    "nanmedian": lambda t: [call(_with_nan(t)), call(_with_nan(t), 1)],
    "nanquantile": lambda t: [call(_with_nan(t), 0.4, 1), call(_with_nan(t), 0.5)],
    "nansum": lambda t: [call(_with_nan(t)), call(_with_nan(t), 1)],
    "outer": lambda t: [call(t(2), t(3))],
    "pairwise_distance": lambda t: [call(t(2, 3), t(2, 3)), call(t(3), t(2, 3), 1.5, keepdim=True)],
    "pdist": lambda t: [call(t(4, 2)), call(t(3, 2), 1.5)],
    "prod": lambda t: [call(t(2, 3)), call(t(2, 3), 0), call(t(2, 3), 1, True)],
    "quantile": _quantile,
    "sort": lambda t: [call(t(2, 3)), call(t(3, 2), 0, True), call(t(4), stable=True)],
    "std": _spread,
    "std_mean": _spread,
    "sum": _fold,
    "sum_to_size": lambda t: [call(t(2, 3), (1, 3)), call(t(2, 3), (3,))],
    "tensordot": lambda t: [call(t(2, 3, 4), t(4, 3, 2), [2, 1], [0, 1])],
    "topk": lambda t: [call(t(2, 4), 2), call(t(4, 2), 2, 0, False)],
    "trace": lambda t: [call(t(3, 4))],
    "tril": lambda t: [call(t(3, 4)), call(t(2, 3, 3), 1)],
    "triu": lambda t: [call(t(3, 4), -1), call(t(2, 3, 3))],
    "var": _spread,
    "var_mean": _spread,
    "vdot": lambda t: [call(t(3), t(3))],
}


def _with_nan(t):
    x = t.fixed(2, 3)
    x[0, 1] = float("nan")
    return x.requires_grad_() if x.is_floating_point() else x
