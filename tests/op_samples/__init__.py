"""Samples of every op that is not an elementwise row, a file for each family."""

from __future__ import annotations

from op_samples import creation, indexing, losses, neural, reductions, shapes

SAMPLES = {
    **shapes.SAMPLES,
    **reductions.SAMPLES,
    **indexing.SAMPLES,
    **neural.SAMPLES,
    **losses.SAMPLES,
    **creation.SAMPLES,
}
