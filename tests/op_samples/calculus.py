"""Differences, areas, histograms, covariance, elementwise ops that are no row of the table."""

from __future__ import annotations

from op_samples.make import Samples, call


def _areas(t):
    return [
        call(t(2, 4)),
        call(t(2, 4), dx=0.5, dim=0),
        call(t(2, 4), t.of([0.0, 1.0, 1.5, 4.0], t.dtype)),
        call(t(2, 4), t(2, 4)),
    ]


SAMPLES: Samples = {
    "corrcoef": lambda t: [call(t(2, 4)), call(t(4))],
    "cov": lambda t: [
        call(t(2, 4)),
        call(t(4), correction=0),
        call(t(2, 3), fweights=t.of([1, 2, 1]), aweights=t.fixed(3, low=0.5, high=1)),
    ],
    "cumulative_trapezoid": _areas,
    "diff": lambda t: [
        call(t(4)),
        call(t(3, 4), 2, 0),
        call(t(2, 3), 1, -1, t(2, 1), t(2, 2)),
    ],
    "dist": lambda t: [call(t(2, 3), t(2, 3)), call(t(2, 3), t(3), 1), call(t(3), t(3), 3)],
    "fill": lambda t: [call(t(2, 3), 1.5), call(t(2, 3), t())],
    "fill_diagonal_": lambda t: [call(t.fixed(3, 3), 1.5), call(t.fixed(5, 2), 2, True)],
    "float_power": lambda t: [
        call(t.positive(2, 3), t(3)),
        call(t.positive(2, 3), 1.5),
        call(2.0, t(2, 3)),
        call(t.of([1, 2]), 2),
    ],
    "frexp": lambda t: [call(t(2, 3))],
    "gradient": lambda t: [
        call(t(4)),
        call(t(3, 4), spacing=0.5, dim=1, edge_order=2),
        call(t(3, 4), spacing=[0.5, 2.0]),
        call(t(4), spacing=[t.of([0.0, 1.0, 3.0, 4.0], t.dtype)]),
    ],
    "histc": lambda t: [call(t.fixed(3, 4), 4), call(t.fixed(5), 3, -1, 1)],
    "histogram": lambda t: [
        call(t.fixed(3, 4), 4),
        call(t.fixed(5), 3, range=(-1.0, 1.0), weight=t.fixed(5), density=True),
        call(t.fixed(5), t.of([-1.0, 0.0, 1.0], t.dtype)),
    ],
    "histogramdd": lambda t: [
        call(t.fixed(5, 2), [2, 3]),
        call(t.fixed(5, 2), 2, weight=t.fixed(5), density=True),
        call(t.fixed(5, 2), (t.of([-1.0, 0.0, 1.0], t.dtype), t.of([-1.0, 1.0], t.dtype))),
    ],
    "isreal": lambda t: [call(t.fixed(2)), call(t.of([1 + 2j, 3.0], "complex128"))],
    "ldexp": lambda t: [call(t(2, 3), t.of([0, 1, -2])), call(t(2, 3), t(3))],
    "mvlgamma": lambda t: [call(t(2, 3, low=2.0, high=4.0), 3), call(t(2, low=2.0, high=4.0), 1)],
    "nonzero_static": lambda t: [
        call(t.of([[1, 0], [0, 2]]), size=3),
        call(t.of([1, 0, 2]), size=1, fill_value=7),
    ],
    "renorm": lambda t: [call(t(2, 3), 2, 0, 1.0), call(t(2, 3, 2), 1.5, 1, 2.0)],
    "trapezoid": _areas,
    "trapz": _areas,
}

ERRORS: Samples = {
    "cov": lambda t: [
        call(t(2, 2, 2)),
        call(t(2, 3), fweights=t.of([1, 2])),
        call(t(2, 2), fweights=t.of([-1, 2])),
        call(t(2, 2), aweights=t.of([1, 2])),
    ],
    "corrcoef": lambda t: [call(t(2, 2, 2))],
    "cumulative_trapezoid": lambda t: [call(t(2, 3), t(2)), call(t(2, 3), dim=2)],
    "diff": lambda t: [call(t()), call(t(3), -1), call(t(2, 3), 1, 0, t(2))],
    "dist": lambda t: [call(t(2), t(3))],
    "fill": lambda t: [call(t(2), t(2))],
    "fill_diagonal_": lambda t: [call(t.fixed(3), 1.0), call(t.fixed(2, 3, 2), 1.0)],
    "float_power": lambda t: [call(t(2), t(3))],
    "frexp": lambda t: [call(t.of([1, 2]))],
    "gradient": lambda t: [
        call(t(1)),
        call(t(3), edge_order=3),
        call(t(3, 3), spacing=[1.0]),
        call(t(3), dim=1),
    ],
    "histc": lambda t: [call(t.fixed(3), 0), call(t.fixed(3), 2, 1, 0)],
    "histogram": lambda t: [
        call(t.fixed(3), 0),
        call(t.fixed(3), 2, range=(1.0, 0.0)),
        call(t.fixed(3), 2, weight=t.fixed(2)),
    ],
    "histogramdd": lambda t: [call(t.fixed(3), [2]), call(t.fixed(3, 2), [2])],
    "ldexp": lambda t: [call(t(2), t(3))],
    "mvlgamma": lambda t: [call(t.positive(2), 0)],
    "nonzero_static": lambda t: [call(t.of([1]), size=-1)],
    "renorm": lambda t: [call(t(2, 3), 0, 0, 1.0), call(t(2), 2, 0, 1.0), call(t(2, 3), 2, 0, -1)],
    "trapezoid": lambda t: [call(t(2, 3), t(2)), call(t(2, 3), dim=2)],
}
