"""Tensors from nothing, from numbers and from each other: values and errors of PyTorch 2.13.0."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys

import pytest

import pyrite as torch
from recorded import cases, check

CREATION, DTYPES = cases("creation"), cases("dtypes")


@pytest.mark.parametrize("expression", CREATION)
@pytest.mark.filterwarnings("ignore")
def test_creation_is_pytorchs(expression: str) -> None:
    check(expression, CREATION[expression])


@pytest.mark.parametrize("expression", DTYPES)
@pytest.mark.filterwarnings("ignore")
def test_dtypes_are_pytorchs(expression: str) -> None:
    check(expression, DTYPES[expression])


FACTORIES = {
    "empty": lambda **k: torch.empty(2, 3, **k),
    "zeros": lambda **k: torch.zeros(2, 3, **k),
    "ones": lambda **k: torch.ones(2, 3, **k),
    "full": lambda **k: torch.full((2, 3), 1.5, **k),
    "rand": lambda **k: torch.rand(2, 3, **k),
    "randn": lambda **k: torch.randn(2, 3, **k),
    "eye": lambda **k: torch.eye(2, 3, **k),
    "linspace": lambda **k: torch.linspace(0, 1, 6, **k),
    "logspace": lambda **k: torch.logspace(0, 1, 6, **k),
    "arange": lambda **k: torch.arange(6.0, **k),
    "randint": lambda **k: torch.randint(3, (2, 3), **k),
    "zeros_like": lambda **k: torch.zeros_like(torch.ones(2, 3), **k),
    "randn_like": lambda **k: torch.randn_like(torch.ones(2, 3), **k),
    "new_full": lambda **k: torch.ones(1).new_full((2, 3), 2, **k),
    "empty_strided": lambda **k: torch.empty_strided((2, 3), (1, 2), **k),
    "tensor": lambda **k: torch.tensor([1.0, 2.0, 3, 4, 5, 6], **k),
}


@pytest.mark.parametrize("name", FACTORIES)
def test_every_factory_takes_the_options(name: str) -> None:
    make = FACTORIES[name]
    made = make(dtype=torch.float64, device="cpu", requires_grad=True, pin_memory=True)
    assert made.dtype is torch.float64 and made.requires_grad and made.is_leaf
    assert made.numel() == 6 and made.device == torch.device("cpu")
    assert not make().requires_grad
    assert make(device="meta").is_meta
    with pytest.raises(TypeError, match=r"unexpected keyword argument|invalid combination"):
        make(nonsense=1)


@pytest.mark.parametrize("name", [n for n in FACTORIES if n not in ("empty", "tensor")])
def test_default_device_is_honoured(name: str) -> None:
    follows_input = name.endswith("_like") or name.startswith("new_")
    with torch.device("meta"):
        assert FACTORIES[name]().is_meta
    assert follows_input or FACTORIES[name]().device.type == "cpu"


def test_out_is_filled_and_keeps_its_memory() -> None:
    out = torch.empty(6)
    address = out.data_ptr()
    assert torch.ones(2, 3, out=out) is out
    assert out.shape == (2, 3) and out.data_ptr() == address and out.sum() == 6
    with pytest.raises(RuntimeError, match="does not match dtype of out parameter"):
        torch.ones(2, dtype=torch.float64, out=out)


def test_default_dtype_decides() -> None:
    torch.set_default_dtype(torch.float64)
    assert torch.zeros(1).dtype is torch.tensor(1.0).dtype is torch.float64
    assert torch.tensor(1j).dtype is torch.complex128
    assert torch.arange(0, 1, 0.5).dtype is torch.Tensor([1]).dtype is torch.float64


def test_legacy_classes_are_types_and_constructors() -> None:
    x = torch.LongTensor([[1, 2], [3, 4]])
    assert x.dtype is torch.int64 and isinstance(x, torch.LongTensor)
    assert not isinstance(x, torch.FloatTensor) and isinstance(torch.LongTensor, type)
    assert torch.FloatTensor(2, 3).shape == (2, 3)
    assert x.type(torch.DoubleTensor).dtype is x.type("torch.DoubleTensor").dtype is torch.float64
    with pytest.raises(TypeError):
        torch.LongTensor(torch.ones(2))


def test_constructed_tensors_keep_their_object() -> None:
    x = torch.Tensor([1.0, 2.0])
    assert x.requires_grad_() is x


def test_limits_of_dtypes() -> None:
    assert repr(torch.finfo(torch.float16)).startswith("finfo(resolution=0.001, min=-65504")
    assert torch.finfo(torch.float32).max == 3.4028234663852886e38
    assert torch.finfo(torch.bfloat16).tiny == 2.0**-126
    assert (torch.iinfo(torch.uint8).min, torch.iinfo(torch.int64).max) == (0, 2**63 - 1)
    assert torch.finfo(torch.complex64) == torch.finfo(torch.float32)


def test_deepcopy_copies_each_storage_once() -> None:
    x = torch.arange(6.0)
    pair = {"x": x, "view": x[2:4], "named": torch.ones(2, requires_grad=True)}
    pair["named"].grad = torch.full((2,), 3.0)
    made = copy.deepcopy(pair)
    assert made["view"].data_ptr() == made["x"].data_ptr() + 8 != x.data_ptr() + 8
    made["x"][2] = 9
    assert made["view"][0] == 9 and x[2] == 2
    assert made["named"].requires_grad and made["named"].grad.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match="explicitly by the user"):
        copy.deepcopy(pair["named"] * 2)


def test_pickles_of_generators() -> None:
    g = pickle.loads(pickle.dumps(torch.Generator().manual_seed(5)))
    assert torch.rand(2, generator=g).equal(
        torch.rand(2, generator=torch.Generator().manual_seed(5))
    )


def test_storages_are_shared_and_compared() -> None:
    x = torch.arange(4.0)
    assert x.untyped_storage() == x[1:].untyped_storage() != x.clone().untyped_storage()
    assert x.untyped_storage().nbytes() == 16 and x.storage().tolist() == [0, 1, 2, 3]
    assert x[1:].data_ptr() == x.data_ptr() + 4
    y = torch.ones(2)
    assert y.set_(x.untyped_storage(), 1, (2,), (2,)) is y and y.tolist() == [1, 3]
    with pytest.raises(RuntimeError, match="out of bounds for storage of size 16"):
        torch.ones(2).set_(x.untyped_storage(), 3, (2,), (1,))


def test_views_of_other_dtypes_share_memory() -> None:
    z = torch.tensor([1 + 2j, 3 + 4j])
    z.real[0] = 9
    z.imag = torch.tensor([7.0, 8.0])
    assert z.tolist() == [9 + 7j, 3 + 8j]
    assert torch.view_as_real(z).data_ptr() == z.data_ptr()
    assert torch.ones(2).view(torch.int32).tolist() == [0x3F800000] * 2


def test_gradients_pass_through_parts_of_complex_numbers() -> None:
    z = torch.tensor([1 + 2j, 3 + 4j], requires_grad=True)
    (z.real * torch.tensor([1.0, 2.0]) + z.imag * 3).sum().backward()
    assert z.grad.tolist() == [1 + 3j, 2 + 3j]
    a = torch.tensor([1.0, 2.0], requires_grad=True)
    torch.complex(a, 2 * a).imag.sum().backward()
    assert a.grad.tolist() == [2, 2]


def test_writing_a_part_of_a_complex_tensor_is_recorded() -> None:
    z = torch.tensor([1 + 2j, 3 + 4j], requires_grad=True)
    parts, new = z * 1, torch.tensor([5.0], requires_grad=True)
    parts.real[1:].copy_(new)
    (parts.real * 10 + parts.imag).sum().backward()
    assert z.grad.tolist() == [10 + 1j, 1j] and new.grad.tolist() == [10]


def test_import_needs_no_numpy() -> None:
    code = "import pyrite, sys; pyrite.tensor([1.0]); raise SystemExit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_memory_of_dropped_tensors_is_given_back() -> None:
    gc.collect()
    before = torch._C._live_counts()
    for make in FACTORIES.values():
        make()
    gc.collect()
    assert torch._C._live_counts() == before
