"""Reads and writes by index and mask, sets of values, choices."""

from __future__ import annotations

from op_samples.make import Samples, call


def _reduce(mode):
    def samples(t):
        index = t.of([[0, 1, 1], [2, 0, 1]])
        return [
            call(t(3, 3), 0, index, t(2, 3), mode),
            call(t(3, 3), 1, index, t(2, 3), mode, include_self=False),
        ]

    return samples


SAMPLES: Samples = {
    "allclose": lambda t: [call(t.of([1.0, 2.0], t.dtype), t.of([1.0, 2.0 + 1e-9], t.dtype))],
    "argwhere": lambda t: [call(t.integers(2, 3, high=2))],
    "bucketize": lambda t: [call(t.fixed(2, 3), t.of([-1.0, 0.0, 1.0], t.dtype), right=True)],
    "clamp": lambda t: [
        call(t(2, 3), -0.5, 1),
        call(t(2, 3), min=0.25),
        call(t(2, 3), t(3, low=-1, high=0), t(2, 1, low=0, high=1)),
    ],
    "clamp_max": lambda t: [call(t(2, 3), 0.5), call(t(2, 3), t(3))],
    "clamp_min": lambda t: [call(t(2, 3), 0.5), call(t(2, 3), t(3))],
    "copy_": lambda t: [call(t.fixed(2, 3), t(3)), call(t.fixed(2), 1.5)],
    "equal": lambda t: [call(t.of([1, 2]), t.of([1, 2])), call(t.of([1, 2]), t.of([1]))],
    "fill_": lambda t: [call(t.fixed(2, 3), 1.5), call(t.fixed(2), t.of(2.0, t.dtype))],
    "gather": lambda t: [call(t(3, 4), 1, t.of([[0, 3], [1, 1]])), call(t(3), 0, t.of([2, 2]))],
    "index": lambda t: [
        call(t(3, 4), [t.of([0, 2]), t.of([1, 1])]),
        call(t(3, 4), [None, t.of([[0], [3]])]),
        call(t(3, 2), [t.of([True, False, True], "bool")]),
    ],
    "index_add": lambda t: [call(t(3, 2), 0, t.of([0, 0, 2]), t(3, 2), alpha=0.5)],
    "index_copy": lambda t: [call(t(3, 2), 0, t.of([2, 0]), t(2, 2))],
    "index_fill": lambda t: [
        call(t(3, 2), 0, t.of([0, 2]), 1.5),
        call(t(2, 3), 1, t.of([0]), t()),
    ],
    "index_put": lambda t: [
        call(t(3, 4), [t.of([0, 2]), t.of([1, 1])], t(2)),
        call(t(3, 2), [t.of([0, 0])], t(2, 2), True),
    ],
    "index_reduce": lambda t: [
        call(t(3, 2), 0, t.of([0, 2, 0]), t(3, 2), "prod"),
        call(t(3, 2), 0, t.of([0, 2, 0]), t(3, 2), "amax", include_self=False),
        call(t(3, 2), 0, t.of([0, 2, 0]), t(3, 2), "mean"),
    ],
    "index_select": lambda t: [call(t(3, 4), 1, t.of([3, 0, 0])), call(t(3), 0, t.of([1]))],
    "is_inference": lambda t: [call(t(2))],
    "is_neg": lambda t: [call(t(2))],
    "is_conj": lambda t: [call(t(2))],
    "is_same_size": lambda t: [call(t(2), t(2)), call(t(2), t(3))],
    "is_set_to": lambda t: [call(t(2), t(2))],
    "is_signed": lambda t: [call(t(2))],
    "isclose": lambda t: [call(t.of([1.0, 2.0], t.dtype), t.of([1.0, 2.1], t.dtype), rtol=0.01)],
    "isin": lambda t: [call(t.integers(2, 3, high=5), t.of([1, 3])), call(t.of([1, 2]), 2)],
    "lerp": lambda t: [call(t(2, 3), t(3), 0.3), call(t(2, 3), t(2, 3), t(2, 1))],
    "masked_fill": lambda t: [
        call(t(2, 3), t.booleans(2, 3), 1.5),
        call(t(2, 3), t.booleans(3), t()),
    ],
    "masked_scatter": lambda t: [call(t(2, 3), t.of([[1, 0, 1], [0, 1, 1]], "bool"), t(5))],
    "masked_select": lambda t: [call(t(2, 3), t.of([[1, 0, 1], [0, 1, 1]], "bool"))],
    "nan_to_num": lambda t: [call(t(2, 3)), call(_odd(t), 0.5, 9.0, -9.0)],
    "nonzero": lambda t: [call(t.integers(2, 3, high=2))],
    "nonzero_numpy": lambda t: [call(t.integers(2, 3, high=2))],
    "one_hot": lambda t: [call(t.integers(2, 3, high=4)), call(t.integers(3, high=2), 4)],
    "put": lambda t: [
        call(t(2, 3), t.of([0, 5]), t(2)),
        call(t(2, 3), t.of([1, 1]), t(2), True),
    ],
    "scatter": lambda t: [
        call(t(3, 3), 0, t.of([[0, 1, 2]]), t(1, 3)),
        call(t(3, 3), 1, t.of([[0], [2]]), 1.5),
        call(t.fixed(3, 3), 0, t.of([[0, 1, 0]]), t.fixed(1, 3), reduce="add"),
        call(t.fixed(3, 3), 0, t.of([[0, 1, 0]]), 2.0, reduce="multiply"),
    ],
    "scatter_add": lambda t: [call(t(3, 3), 0, t.of([[0, 1, 1], [0, 2, 1]]), t(2, 3))],
    "scatter_reduce": lambda t: [
        sample for mode in ("sum", "prod", "mean", "amax", "amin") for sample in _reduce(mode)(t)
    ],
    "searchsorted": lambda t: [
        call(t.of([1, 3, 5]), t.of([[0, 3], [4, 9]])),
        call(t.of([1.0, 2.0], "float64"), 1.5, side="right", out_int32=True),
    ],
    "take": lambda t: [call(t(2, 3), t.of([[0, 5], [1, 1]]))],
    "take_along_dim": lambda t: [
        call(t(2, 3), t.of([[0, 2], [1, 1]]), 1),
        call(t(2, 3), t.of([0, 5])),
    ],
    "_unique2": lambda t: [call(t.integers(6, high=3), True, True, True)],
    "_unique_consecutive": lambda t: [
        call(t.of([1, 1, 2, 2, 1]), True, True),
        call(t.of([[1, 1, 2], [1, 1, 2]]), True, True, 1),
    ],
    "unique_dim": lambda t: [call(t.of([[1, 2], [0, 3], [1, 2]]), 0, True, True, True)],
    "unravel_index": lambda t: [call(t.of([5, 0]), (2, 3))],
    "where": lambda t: [
        call(t.booleans(2, 3), t(2, 3), t(3)),
        call(t.booleans(2), t(2), 1.5),
        call(t.booleans(2, 3)),
    ],
    "zero_": lambda t: [call(t.fixed(2, 3))],
}


def _odd(t):
    return t.of([float("nan"), float("inf"), -float("inf"), 1.0], t.dtype).requires_grad_()
