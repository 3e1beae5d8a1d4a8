"""Views, versions and writes in place under autograd. Facts from PyTorch 2.13.0."""

from __future__ import annotations

import pytest

import pyrite as torch


def leaf(values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


MATRIX = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]

VIEWS = {
    "slice": (lambda x: x[:, 1:], "SliceBackward0"),
    "select": (lambda x: x[1], "SelectBackward0"),
    "t": (lambda x: x.t(), "TBackward0"),
    "permute": (lambda x: x.permute(1, 0), "PermuteBackward0"),
    "view": (lambda x: x.view(6), "ViewBackward0"),
    "unsqueeze": (lambda x: x.unsqueeze(1), "UnsqueezeBackward0"),
    "squeeze": (lambda x: x.squeeze(), "SqueezeBackward0"),
    "expand": (lambda x: x.expand(2, 2, 3), "ExpandBackward0"),
    "diagonal": (lambda x: x.diagonal(), "DiagonalBackward0"),
    "unfold": (lambda x: x.unfold(1, 2, 1), "UnfoldBackward0"),
    "as_strided": (lambda x: x.as_strided((2,), (3,)), "AsStridedBackward0"),
    "alias": (lambda x: x[...], "AliasBackward0"),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_knows_its_base_and_shares_memory_and_version(name):
    make, node = VIEWS[name]
    base = leaf(MATRIX) * 1
    view = make(base)
    assert view._is_view()
    assert view._base is base
    assert type(view.grad_fn).__name__ == node
    with torch.no_grad():
        base.mul_(2)
    assert view._version == base._version == 1
    assert torch.equal(view, make(base))


@pytest.mark.parametrize("name", [n for n in VIEWS if n not in ("expand", "unfold")])
def test_writes_through_a_view_reach_the_base(name):
    """d/dx sum((x with the view doubled)^2): 8 x where written, 2 x elsewhere."""
    make, _ = VIEWS[name]
    x = leaf(MATRIX)
    base = x * 1
    make(base).mul_(2)
    assert type(base.grad_fn).__name__ == "CopySlices"
    (base * base).sum().backward()
    factor = torch.full((2, 3), 2.0, dtype=torch.float64)
    make(factor).mul_(4)
    assert torch.equal(x.grad, factor * x.detach())


@pytest.mark.parametrize("name", VIEWS)
def test_writes_to_the_base_reach_the_view(name):
    make, _ = VIEWS[name]
    x, w = leaf(MATRIX), leaf(3.0)
    base = x * 1
    view = make(base)
    base.mul_(w)
    view.sum().backward()
    expected = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    make(expected).sum().backward()
    assert torch.equal(x.grad, 3 * expected.grad)


def test_a_plain_base_gets_history_through_its_view():
    w, base = leaf(3.0), torch.zeros(3, dtype=torch.float64)
    view = base[1:]
    view.add_(w)
    assert (base.requires_grad, view.requires_grad) == (True, True)
    base.sum().backward()
    assert w.grad.item() == 2.0


SPLITS = {
    "split": (lambda x: x.split(1), "Split"),
    "chunk": (lambda x: x.chunk(2), "Split"),
    "unbind": (lambda x: x.unbind(), "Unbind"),
}


@pytest.mark.parametrize("name", SPLITS)
def test_outputs_of_split_may_not_be_written(name):
    make, node = SPLITS[name]
    base = leaf(MATRIX) * 1
    with pytest.raises(RuntimeError, match=f"Output 1 of {node} is a view and is being modified"):
        make(base)[1].mul_(2)
    part = make(base)[0]
    base.mul_(2)
    with pytest.raises(RuntimeError, match="its base or another view of its base has been mod"):
        part * 2
    with pytest.raises(RuntimeError, match="output of a function that returns multiple views"):
        _ = part.grad_fn
    with torch.no_grad():
        make(base)[0].mul_(2)


def test_leaves_may_not_be_written():
    x = leaf(MATRIX)
    for write in (
        lambda: x.mul_(2),
        lambda: x.zero_(),
        lambda: x.t_(),
        lambda: x.unsqueeze_(0),
        lambda: x.set_(torch.ones(1, dtype=torch.float64)),
    ):
        with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used"):
            write()
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being"):
        x[0].mul_(2)
    assert (x.tolist(), x._version) == (MATRIX, 0)
    with torch.no_grad():
        x[0].mul_(2)
    assert x[0].tolist() == [2.0, 4.0, 6.0]


def test_views_made_under_no_grad():
    base = leaf(MATRIX) * 1
    with torch.no_grad():
        view = base[1]
    assert view.requires_grad
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being mod"):
        view.mul_(2)
    base.mul_(2)
    with pytest.raises(RuntimeError, match="its base or another view of its base has been mod"):
        _ = view.grad_fn


def test_inference_tensors():
    with torch.inference_mode():
        made = torch.ones(2)
        made.add_(1)
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside"):
        made.add_(1)
    with pytest.raises(RuntimeError, match="Inference tensors do not track version counter"):
        _ = made._version


def test_saved_values_notice_writes():
    x = leaf(MATRIX)
    for write in (
        lambda y: y.zero_(),
        lambda y: y[0].zero_(),
        lambda y: y.detach().zero_(),
        lambda y: y.t_(),
    ):
        y = x * 1
        z = y.exp() * y
        write(y)
        with pytest.raises(RuntimeError, match="modified by an inplace operation") as caught:
            z.sum().backward()
        assert "which is output 0 of" in str(caught.value)
        assert "is at version 1; expected version 0" in str(caught.value)
    y = x * 1
    z = (y * y).sum()
    y.data.zero_()
    z.backward()


def test_an_operand_that_is_also_written():
    x = leaf([1.0, -2.0])
    y = x * 1
    y *= y
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_write_with_an_output_saved():
    x = leaf([1.0, 2.0])
    y = x * 1
    y.exp_()
    y.sum().backward()
    assert torch.equal(x.grad, x.detach().exp())


GEOMETRY = {
    "t_": (lambda x: x.t_(), lambda x: x.t(), "TBackward1"),
    "transpose_": (lambda x: x.transpose_(0, 1), lambda x: x.transpose(0, 1), "TransposeBackward1"),
    "swapdims_": (lambda x: x.swapdims_(0, 1), lambda x: x.t(), "TransposeBackward1"),
    "unsqueeze_": (lambda x: x.unsqueeze_(0), lambda x: x.unsqueeze(0), "UnsqueezeBackward1"),
    "squeeze_": (lambda x: x.squeeze_(), lambda x: x.squeeze(), "SqueezeBackward3"),
    "squeeze_dim": (lambda x: x.squeeze_(0), lambda x: x.squeeze(0), "SqueezeBackward4"),
}


@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry_changes_in_place(name):
    change, same, node = GEOMETRY[name]
    x = leaf([[1.0, 2.0, 3.0]])
    y = x * 1
    expected = same(y)
    assert change(y) is y
    assert (y.shape, y.stride()) == (expected.shape, expected.stride())
    assert (y._version, type(y.grad_fn).__name__) == (1, node)
    (y * same(leaf([[1.0, 10.0, 100.0]]))).sum().backward()
    assert x.grad.tolist() == [[1.0, 10.0, 100.0]]


def test_geometry_change_of_a_view_leaves_the_base():
    base = leaf(MATRIX) * 1
    view = base[0:1]
    view.t_()
    assert view._base is base
    assert (tuple(view.shape), tuple(base.shape)) == ((3, 1), (2, 3))
    assert type(base.grad_fn).__name__ == "MulBackward0"


def test_fill_with_a_tensor():
    x, w = leaf(MATRIX), leaf(7.0)
    y = x * 1
    y[0].fill_(w)
    assert y[0].tolist() == [7.0, 7.0, 7.0]
    y.sum().backward()
    assert (w.grad.item(), x.grad.tolist()) == (3.0, [[0.0] * 3, [1.0] * 3])
    with pytest.raises(RuntimeError, match="fill_ only supports 0-dimension value tensor"):
        y.fill_(torch.ones(1, dtype=torch.float64))


def test_overlapping_memory():
    x = torch.ones(3, 1).expand(3, 2)
    assert x.zero_().tolist() == [[0.0, 0.0]] * 3
    assert x.fill_(2).tolist() == [[2.0, 2.0]] * 3
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        x.add_(1)
    y = torch.arange(5.0)
    with pytest.raises(RuntimeError, match="some elements of the input tensor and the written-to"):
        y[1:].copy_(y[:-1])
    assert y.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_resize_and_set():
    x = torch.arange(6.0).view(2, 3)
    assert x.resize_(4).tolist() == [0.0, 1.0, 2.0, 3.0]
    assert x.resize_(2, 4)[0].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert x._version == 2
    with pytest.raises(RuntimeError, match="cannot resize variables that require grad"):
        leaf(MATRIX).resize_(2)
    source = torch.ones(5)
    x.set_(source)
    assert x.data_ptr() == source.data_ptr()
    x.add_(1)
    assert (source.tolist(), source._version, x._version) == ([2.0] * 5, 0, 4)


def test_detach_in_place():
    y = leaf(MATRIX) * 1
    with pytest.raises(RuntimeError, match="Can't detach views in-place"):
        y[0].detach_()
    assert y.detach_() is y
    assert not y.requires_grad


@pytest.mark.parametrize(
    ("write", "change"),
    [
        (lambda x: x.add_(1), [1, 1, 1]),
        (lambda x: x[1:].add_(1), [1, 1, 1]),
        (lambda x: x.detach().add_(1), [1, 1, 1]),
        (lambda x: x.data.add_(1), [0, 0, 0]),
        (lambda x: x.clone().add_(1), [0, 0, 0]),
        (lambda x: x.__setitem__(0, 5.0), [1, 1, 1]),
        (lambda x: torch.add(x, 1, out=x), [1, 1, 1]),
    ],
)
def test_versions(write, change):
    x = torch.zeros(3)
    view, alias = x.view(3, 1), x.detach()
    write(x)
    assert [x._version, view._version, alias._version] == change


def test_failed_write_changes_nothing():
    x = torch.zeros(2, 3)
    with pytest.raises(RuntimeError):
        x.add_(torch.ones(4))
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
        torch.zeros(2, dtype=torch.int64).add_(0.5)
    assert (x.tolist(), x._version) == ([[0.0] * 3] * 2, 0)


def test_windows_of_windows_have_each_gradient_once():
    x = leaf([[float(i * 5 + j) for j in range(5)] for i in range(5)])
    weight = torch.arange(9.0, dtype=torch.float64).reshape(3, 3)
    (x.unfold(0, 3, 1).unfold(1, 3, 1) * weight).sum().backward()
    apart = leaf(x.tolist())
    corners = [(i, j) for i in range(3) for j in range(3)]
    sum((apart[i : i + 3, j : j + 3] * weight).sum() for i, j in corners).backward()
    assert x.grad.tolist() == apart.grad.tolist()


def test_elements_that_share_a_place_share_its_gradient():
    x = leaf([1.0, 2.0, 3.0, 4.0])
    x.as_strided((2, 3), (1, 1)).as_strided((2, 2), (1, 1)).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0, 1.0, 0.0]
    rows = leaf([1.0, 2.0, 3.0])
    rows.expand(4, 3).unfold(1, 2, 1).sum().backward()
    assert rows.grad.tolist() == [4.0, 8.0, 4.0]
    again = lambda x: x.as_strided((2, 3), (1, 1)).as_strided((2, 2), (1, 1)) ** 3  # noqa: E731
    assert torch.autograd.gradgradcheck(again, (leaf([1.0, 2.0, 3.0, 4.0]),))
