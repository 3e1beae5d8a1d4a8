"""Every op gives the same for every layout and spelling, and leaves its inputs alone."""

from __future__ import annotations

import pytest

import pyrite
from op_values import described, difference
from opinfo import OPS, RANDOM, OpInfo, function, map_tensors, tensors

#: Uninitialised memory, and questions about the layout itself.
ABOUT_MEMORY = frozenset(
    """
    empty empty_like empty_permuted empty_strided new_empty new_empty_strided as_strided as_strided_
    is_set_to resize_ resize_as_ view view_as view_as_complex
    as_strided_copy as_strided_scatter view_copy view_as_complex_copy
    """.split()
)

#: A matrix of equal rows has no inverse, no Cholesky factor, no distinct singular values.
OF_FULL_RANK = frozenset(
    """
    cholesky inverse linalg_cholesky linalg_inv linalg_lu_factor linalg_matrix_power linalg_pinv
    linalg_solve linalg_svd linalg_tensorinv linalg_tensorsolve matrix_power pinverse svd
    """.split()
)

#: Running statistics are written where the caller keeps them.
WRITES_STATISTICS = frozenset({"batch_norm", "instance_norm"})


def transposed(x):
    """Column-major memory."""
    last = x.dim() - 1
    return x.transpose(0, last).contiguous().transpose(0, last) if last > 0 else x


def sliced(x):
    """A part of something larger, away from its start."""
    if x.dim() == 0:
        return pyrite.stack([x, x])[1]
    padding = pyrite.zeros((1, *x.shape[1:]), dtype=x.dtype)
    return pyrite.cat([padding, x, padding])[1 : 1 + len(x)]


def stepped(x):
    """Every other element of the last dimension."""
    return pyrite.stack([x, x], -1)[..., 0]


def expanded(x):
    """The first index of the first dimension repeated with stride 0."""
    return x[:1].expand_as(x) if x.dim() and len(x) else x


def channels_last(x):
    """The memory of images by pixel."""
    return x.contiguous(memory_format=pyrite.channels_last) if x.dim() == 4 else x


LAYOUTS = [transposed, sliced, stepped, expanded, channels_last]


def called(op: OpInfo, sample, change):
    """The op's result, or what it wrote, with every differentiable input changed."""
    args, named = map_tensors(
        lambda x: change(x.detach()) if x.requires_grad else x.detach(), (sample.args, sample.named)
    )
    pyrite.manual_seed(0)
    result = function(op)(*args, **named)
    return args[0] if result is None else result


def values(result):
    """Dtypes, shapes and numbers: strides may differ."""
    return described(map_tensors(lambda x: x.clone(memory_format=pyrite.contiguous_format), result))


COMPARED = [op for op in OPS if op.name not in ABOUT_MEMORY and not op.is_inplace]


@pytest.mark.parametrize(
    "op", [op for op in COMPARED if op.name not in RANDOM], ids=lambda op: op.name
)
def test_layouts_agree(op):
    for number, sample in enumerate(op.samples()):
        for layout in LAYOUTS:
            if layout is expanded and op.name in OF_FULL_RANK:
                continue
            found = values(called(op, sample, layout))
            wanted = values(called(op, sample, lambda x, f=layout: f(x).contiguous()))
            problem = difference(found, wanted, 1e-9)
            assert not problem, f"sample {number}, {layout.__name__}: {problem}"


@pytest.mark.parametrize(
    "op", [op for op in COMPARED if op.name not in WRITES_STATISTICS], ids=lambda op: op.name
)
def test_inputs_stay_as_they_were(op):
    for sample in op.samples():
        inputs = tensors([sample.args, sample.named])
        before = [(described(x), x._version) for x in inputs]
        called(op, sample, lambda x: x)
        assert [(described(x), x._version) for x in inputs] == before


def rounds(op: OpInfo):
    """Samples whose results are tensors, with the results."""
    for sample in op.samples():
        result = called(op, sample, lambda x: x)
        if tensors([result]):
            yield sample, result


INPLACE = [op for op in COMPARED if "inplace" in op.spellings]


@pytest.mark.parametrize("op", INPLACE, ids=lambda op: op.name)
def test_in_place_agrees(op):
    for sample, wanted in rounds(op):
        first, *rest = map_tensors(lambda x: x.detach(), sample.args)
        one = isinstance(first, pyrite.Tensor) and isinstance(wanted, pyrite.Tensor)
        fits = one and first.shape == wanted.shape
        if not fits or not pyrite.can_cast(wanted.dtype, first.dtype):
            continue
        # Draws fill memory in its own order.
        layouts = (pyrite.clone, transposed, sliced, stepped)
        for layout in layouts[:1] if op.name in RANDOM else layouts:
            target = layout(first.clone())
            pyrite.manual_seed(0)
            result = getattr(target, f"{op.name}_")(*rest, **sample.named)
            assert result is target
            # A dropout that drops nothing does not write.
            writes = not pyrite.equal(target, first)
            assert target._version == 1 or layout is not pyrite.clone or not writes
            problem = difference(values(target), values(wanted.to(target.dtype)), 1e-9)
            assert not problem, f"{layout.__name__}: {problem}"


OUT = [op for op in COMPARED if "out" in op.spellings and "function" in op.spellings]


@pytest.mark.parametrize("op", OUT, ids=lambda op: op.name)
def test_out_agrees(op):
    compared = 0
    for sample, wanted in rounds(op):
        args, named = map_tensors(lambda x: x.detach(), (sample.args, sample.named))
        makes = [pyrite.clone, lambda x: x.new_empty(0), lambda x: transposed(x.clone())]
        for make in makes[:2] if op.name in RANDOM else makes:
            target = map_tensors(make, wanted)
            pyrite.manual_seed(0)
            try:
                result = function(op)(*args, **named, out=target)
            except TypeError:
                if op.takes_out_always:
                    raise
                continue
            pairs = zip(tensors([result]), tensors([target]), strict=True)
            assert all(found is given for found, given in pairs)
            problem = difference(values(target), values(wanted), 1e-9)
            assert not problem, problem
            compared += 1
    assert compared or not op.takes_out_always
