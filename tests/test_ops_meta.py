"""On the meta device an op takes no memory and no time, and gives the shape it gives on the CPU."""

from __future__ import annotations

import time

import pytest

import pyrite
from opinfo import OPS, OURS, OpInfo, function, map_tensors, tensors

#: The result's shape, or the result itself, depends on the numbers.
READS_NUMBERS = frozenset(
    """
    _unique2 _unique_consecutive allclose argwhere bincount combinations equal is_nonzero
    masked_select nonzero nonzero_numpy one_hot repeat_interleave tensor_split unique_dim where
    embedding_bag index index_fill isin multilabel_margin_loss
    _amp_foreach_non_finite_check_and_unscale_ _amp_update_scale_ cov ctc_loss histogram
    histogramdd istft
    linalg_lstsq linalg_matrix_exp matrix_exp nonzero_static
    """.split()
)

#: Counts that stay on the CPU: steps taken so far, sizes of packed batches.
COUNTS_ON_CPU = frozenset(
    "_fused_adagrad_ _fused_adam_ _fused_adamw_ gru lstm rnn_relu rnn_tanh".split()
)


def geometry(result):
    """Dtype, shape and strides of each tensor."""
    return [(x.dtype, x.shape, x.stride()) for x in tensors([result])]


def on_meta(op: OpInfo, sample):
    """The result of the sample moved to the meta device."""

    def move(x):
        is_count = x.dtype in (pyrite.int64, pyrite.float32)
        stays = op.name in COUNTS_ON_CPU and is_count
        return x if stays else x.detach().to("meta")

    args, named = map_tensors(move, (sample.args, sample.named))
    if not tensors([args, named]):
        named["device"] = "meta"
    result = function(op)(*args, **named)
    return args[0] if result is None else result


def on_cpu(op: OpInfo, sample):
    """The result of the sample."""
    args, named = map_tensors(lambda x: x.detach().clone(), (sample.args, sample.named))
    result = function(op)(*args, **named)
    return args[0] if result is None else result


MOVED = [op for op in OPS if op.name not in READS_NUMBERS | OURS]


@pytest.mark.parametrize("op", MOVED, ids=lambda op: op.name)
def test_the_geometry_is_the_cpus(op):
    for sample in op.samples():
        wanted = on_cpu(op, sample)
        if not tensors([wanted]):
            continue
        found = on_meta(op, sample)
        assert geometry(found) == geometry(wanted)
        assert all(x.device.type == "meta" for x in tensors([found]))


ELEMENTWISE = [op for op in OPS if op.row and "method" in op.spellings]


@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_a_large_op_is_free(op):
    (sample, *_) = op.samples()
    dtype = tensors([sample.args])[0].dtype
    large = pyrite.empty(2**40, dtype=dtype, device="meta")
    args = map_tensors(lambda _: large, sample.args)
    result, best = None, 1.0
    before = pyrite._C._live_counts()[2]
    for _ in range(5):
        start = time.perf_counter()
        result = function(op)(*args)
        best = min(best, time.perf_counter() - start)
    assert result.shape == (2**40,)
    assert pyrite._C._live_counts()[2] <= before
    assert best < 1e-3
