"""Samples of every op that is not an elementwise row, a file for each family."""

from __future__ import annotations

from op_samples import (
    calculus,
    copies,
    creation,
    fft,
    indexing,
    linalg,
    losses,
    neural,
    reductions,
    shapes,
)

SAMPLES = {
    **shapes.SAMPLES,
    **reductions.SAMPLES,
    **indexing.SAMPLES,
    **neural.SAMPLES,
    **losses.SAMPLES,
    **creation.SAMPLES,
    **linalg.SAMPLES,
    **fft.SAMPLES,
    **copies.SAMPLES,
    **calculus.SAMPLES,
}
