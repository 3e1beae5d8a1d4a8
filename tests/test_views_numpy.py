"""Chains of views and indexing against numpy: values, sharing of memory, writes."""

from __future__ import annotations

import numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st

import pyrite

SHAPES = np_st.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def pair(shape):
    """The same numbers here and there, in memory of their own."""
    array = numpy.arange(float(numpy.prod(shape, dtype=int))).reshape(shape)
    return array, pyrite.tensor(array)


@st.composite
def steps(draw, rank):
    """One view of an array of `rank` dimensions, as (there, here)."""
    kind = draw(st.sampled_from(["permute", "transpose", "unsqueeze", "squeeze", "slice", "pick"]))
    if kind == "permute" and rank:
        order = tuple(draw(st.permutations(range(rank))))
        return lambda a: a.transpose(order), lambda x: x.permute(order)
    if kind == "transpose" and rank >= 2:
        one, other = (draw(st.integers(-rank, rank - 1)) for _ in range(2))
        return lambda a: a.swapaxes(one, other), lambda x: x.transpose(one, other)
    if kind == "unsqueeze":
        at = draw(st.integers(0, rank))
        return lambda a: numpy.expand_dims(a, at), lambda x: x.unsqueeze(at)
    if kind == "squeeze":
        return lambda a: a.squeeze(), lambda x: x.squeeze()
    if kind == "slice" and rank:
        dim = draw(st.integers(0, rank - 1))
        ends = st.none() | st.integers(-5, 5)
        part = slice(draw(ends), draw(ends), draw(st.integers(1, 3)))
        key = (slice(None),) * dim + (part,)
        return lambda a: a[key], lambda x: x[key]
    return lambda a: a[...], lambda x: x[...]


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_chains_of_views_share_memory(data):
    array, tensor = pair(data.draw(SHAPES))
    view, seen = array, tensor
    for _ in range(data.draw(st.integers(1, 5))):
        there, here = data.draw(steps(view.ndim))
        view, seen = there(view), here(seen)
    assert tuple(seen.shape) == view.shape
    assert seen.tolist() == view.tolist()
    view += 100.0
    seen += 100.0
    assert tensor.tolist() == array.tolist()


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_basic_indexing_reads_and_writes(data):
    shape = data.draw(SHAPES)
    array, tensor = pair(shape)
    key = data.draw(np_st.basic_indices(shape, allow_newaxis=True).filter(is_forward))
    assert tensor[key].tolist() == array[key].tolist()
    array[key] = -1.0
    tensor[key] = -1.0
    assert tensor.tolist() == array.tolist()


def is_forward(key):
    """Negative steps are numpy's alone."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(not isinstance(p, slice) or p.step is None or p.step > 0 for p in parts)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_integer_array_indexing_reads_and_writes(data):
    shape = data.draw(np_st.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    array, tensor = pair(shape)
    key = data.draw(np_st.integer_array_indices(shape))
    here = tuple(pyrite.tensor(part) for part in key)
    assert tensor[here].tolist() == array[key].tolist()
    assert tensor[key].tolist() == array[key].tolist()
    array[key] = -1.0
    tensor[here] = -1.0
    assert tensor.tolist() == array.tolist()


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_masks_read_and_write(data):
    shape = data.draw(np_st.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    array, tensor = pair(shape)
    mask = data.draw(np_st.arrays(bool, shape))
    here = pyrite.tensor(mask)
    assert tensor[here].tolist() == array[mask].tolist()
    array[mask] += 10.0
    tensor[here] += 10.0
    assert tensor.tolist() == array.tolist()
