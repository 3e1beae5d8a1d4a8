"""Chains of views and indexing against numpy: values, sharing of memory, writes."""

from __future__ import annotations

import numpy
import pytest
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


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_negative_steps_are_refused_and_change_nothing(data):
    array, tensor = pair(data.draw(np_st.array_shapes(min_dims=1, max_dims=3, max_side=4)))
    dim = data.draw(st.integers(0, array.ndim - 1))
    ends = st.none() | st.integers(-5, 5)
    part = slice(data.draw(ends), data.draw(ends), data.draw(st.integers(-3, 0)))
    key = (slice(None),) * dim + (part,)
    with pytest.raises(ValueError, match="step"):
        tensor[key]
    with pytest.raises(ValueError, match="step"):
        tensor[key] = -1.0
    assert tensor.tolist() == array.tolist()


@st.composite
def mixed_keys(draw, shape):
    """Slices, integer arrays of one shape, masks, new axes and at most one ellipsis."""
    lines = draw(np_st.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=3))
    key, masked = [], False
    for side in shape:
        kind = draw(st.sampled_from(["slice", "array", "mask", "new", "all"]))
        if kind == "new":
            key.append(None)
        if kind == "array" and not masked:
            key.append(
                draw(np_st.arrays(numpy.int64, lines, elements=st.integers(-side, side - 1)))
            )
        elif kind == "mask" and not any(isinstance(part, numpy.ndarray) for part in key):
            key.append(draw(np_st.arrays(bool, (side,))))
            masked = True
        else:
            ends = st.none() | st.integers(-5, 5)
            key.append(slice(draw(ends), draw(ends), draw(st.integers(1, 3))))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(key)))
        key[at : at + draw(st.integers(0, 1))] = [...]
    return tuple(key)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_mixed_indexing_reads_and_writes(data):
    shape = data.draw(np_st.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    array, tensor = pair(shape)
    key = data.draw(mixed_keys(shape))
    here = tuple(pyrite.tensor(part) if isinstance(part, numpy.ndarray) else part for part in key)
    picked = array[key]
    assert tuple(tensor[here].shape) == picked.shape
    assert tensor[here].tolist() == picked.tolist()
    rank = data.draw(st.integers(0, picked.ndim))
    value = -1.0 - numpy.arange(float(numpy.prod(picked.shape[rank:], dtype=int)))
    value = value.reshape(picked.shape[rank:])
    if len(numpy.unique(numpy.arange(array.size).reshape(shape)[key])) < picked.size:
        value = numpy.float64(-1.0)  # the same element twice: which write is last is open
    array[key] = value
    tensor[here] = pyrite.tensor(value)
    assert tensor.tolist() == array.tolist()


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_masks_of_leading_dimensions(data):
    shape = data.draw(np_st.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4))
    array, tensor = pair(shape)
    rank = data.draw(st.integers(0, len(shape)))
    mask = data.draw(np_st.arrays(bool, shape[:rank]))
    here = pyrite.tensor(mask)
    assert tuple(tensor[here].shape) == array[mask].shape
    assert tensor[here].tolist() == array[mask].tolist()
    array[mask], tensor[here] = -2.0, -2.0
    assert tensor.tolist() == array.tolist()
