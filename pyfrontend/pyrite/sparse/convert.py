"""Copies, casts, moves and changes of layout.

Layer L6 over `_C`: what these do to an array they do to the values, and indices follow to another
device. History follows the values.
"""

from __future__ import annotations

from typing import Any, NoReturn

from pyrite import _C
from pyrite._C import Tensor
from pyrite._layouts import sparse_coo, sparse_csc, sparse_csr

from .compressed import SparseCompressedTensor, SparseCscTensor, SparseCsrTensor
from .coo import SparseCooTensor, make
from .indices import flatten
from .tensor import SparseTensor, handles

__all__ = ["sparse_mask", "to_sparse", "to_sparse_csc", "to_sparse_csr"]


def _moved(input: Any, values: Tensor) -> Any:
    """`input` with these values, its indices on their device."""
    if values is input._value:
        return input
    if values.device == input._value.device:
        return input.with_values(values)
    place = values.device
    if isinstance(input, SparseCompressedTensor):
        parts = (input._compressed.to(place), input._plain.to(place))
        return input.of(*parts, values, input.shape)
    return make(input._index.to(place), values, input.shape, input._coalesced)


@handles("to")
def to(input: SparseTensor, *args: Any, **kwargs: Any) -> Any:
    """Cast or move; itself if there is nothing to do."""
    kwargs.pop("memory_format", None)
    if args and isinstance(args[0], SparseTensor):
        args = (args[0].device, args[0].dtype, *args[1:])
    if not isinstance(input, SparseTensor):  # a dense tensor that goes where a sparse one is
        return input.to(*args, **kwargs)
    return _moved(input, input._value.to(*args, **kwargs))


def _forwarded(name: str) -> Any:
    method = getattr(Tensor, name)

    def call(input: SparseTensor, *args: Any, **kwargs: Any) -> Any:
        return _moved(input, method(input._value, *args, **kwargs))

    call.__doc__ = f"`Tensor.{name}` of the values."
    return handles(name)(call)


for _name in (
    "cuda cpu float double half bfloat16 int long short char byte bool cfloat cdouble"
).split():
    _forwarded(_name)


@handles("type")
def type_(input: SparseTensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The legacy name of its class and dtype, or a cast."""
    if dtype is None:
        if not isinstance(input, SparseCooTensor):
            raise RuntimeError(f"Unimplemented backend {input.kind}{input.device.type.upper()}")
        return input._value.type().replace("torch.", "torch.sparse.")
    wanted = getattr(dtype, "dtype", dtype)
    if isinstance(wanted, str):
        return _moved(input, input._value.type(wanted.replace("torch.sparse.", "torch.")))
    return _moved(input, input._value.to(wanted))


@handles("type_as")
def type_as(input: Any, other: Tensor) -> Any:
    """Cast to another tensor's dtype and place."""
    return input.to(device=other.device, dtype=other.dtype)


@handles("clone")
def clone(input: SparseTensor, *, memory_format: Any = None) -> Any:
    """A copy of indices and values."""
    values = input._value.clone()
    if isinstance(input, SparseCompressedTensor):
        return input.of(input._compressed.clone(), input._plain.clone(), values, input.shape)
    coo = input.to_coo()
    return make(coo._index.clone(), values, coo.shape, coo._coalesced)


@handles("detach", "data.__get__")
def detach(input: SparseTensor) -> Any:
    """The same indices and values without history."""
    return input.with_values(input._value.detach())


@handles("data.__set__")
def set_data(input: SparseTensor, other: SparseTensor) -> None:
    """Take over the elements of `other`, without history."""
    if type(other) is not type(input):
        raise RuntimeError(
            f"data: a {input.layout} tensor can take over another one only; got {other.layout}"
        )
    wanted = input.requires_grad
    input.become(detach(other))
    input._value.requires_grad_(wanted)


@handles("detach_")
def detach_(input: SparseTensor) -> Any:
    """Forget its history."""
    input._value = input._value.detach()
    return input


@handles("requires_grad_")
def requires_grad_(input: SparseTensor, requires_grad: bool = True) -> Any:
    """Ask for gradients, in place."""
    input._value.requires_grad_(requires_grad)
    return input


@handles("is_pinned", "is_distributed")
def never(input: SparseTensor, *args: Any) -> bool:
    """Never."""
    return False


@handles("contiguous")
def contiguous(input: SparseTensor, memory_format: Any = None) -> NoReturn:
    """Not for sparse tensors, in PyTorch's words."""
    if isinstance(input, SparseCooTensor):
        raise RuntimeError("unsupported memory format option Contiguous")
    input.is_contiguous()
    raise RuntimeError("internal error: a compressed tensor is contiguous")


@handles("numpy", "__array__")
def numpy(input: SparseTensor, *args: Any, **kwargs: Any) -> NoReturn:
    """Not for sparse tensors, in PyTorch's words."""
    raise TypeError(
        f"can't convert {input.kind} layout tensor to numpy. Use Tensor.to_dense() first."
    )


@handles("tolist", "data_ptr", "const_data_ptr")
def tolist(input: SparseTensor) -> NoReturn:
    """Not for sparse tensors, in PyTorch's words."""
    raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")


@handles("storage", "untyped_storage", "share_memory_", "is_shared", "_typed_storage")
def storage(input: SparseTensor, *args: Any) -> NoReturn:
    """Not for sparse tensors, in PyTorch's words."""
    raise NotImplementedError(f"Cannot access storage of {input.kind}TensorImpl")


@handles("nbytes.__get__")
def nbytes(input: SparseTensor) -> int:
    """Bytes of the dense form of a compressed matrix; coordinates refuse, as in PyTorch."""
    if isinstance(input, SparseCompressedTensor):
        return input.numel() * input.element_size()
    raise RuntimeError(
        "nbytes is not defined for sparse tensors.  If you want the size of the constituent "
        "tensors, add the nbytes of the indices and values.  If you want the size of the  "
        "equivalent dense tensor, multiply numel() by element_size()"
    )


@handles("output_nr.__get__")
def output_nr(input: SparseTensor) -> int:
    """Which output of its values' node it is."""
    return input._value.output_nr


@handles("retains_grad.__get__")
def retains_grad(input: SparseTensor) -> bool:
    """Whether a non-leaf keeps its gradient."""
    return input._value.retains_grad


@handles("to_sparse", "to_sparse_coo")
def to_sparse(
    input: Any,
    sparse_dim: int | None = None,
    *,
    layout: Any = None,
    blocksize: Any = None,
    dense_dim: int | None = None,
) -> Any:
    """The elements that are not zero, by coordinates or in another layout.

    Args:
        input: dense or sparse.
        sparse_dim: how many dims get coordinates; all by default.
        layout: `sparse_coo`, `sparse_csr` or `sparse_csc`.
        blocksize: of block layouts, which are not available.
        dense_dim: dims of each value; 0 where `layout` is given.

    Raises:
        NotImplementedError: block layouts.
        RuntimeError: `sparse_dim` is out of range.
    """
    if layout in (sparse_csr, sparse_csc):
        return (to_sparse_csr if layout is sparse_csr else to_sparse_csc)(input, dense_dim)
    if blocksize is not None or layout not in (None, sparse_coo):
        raise NotImplementedError("to_sparse: block layouts are not available")
    if isinstance(input, SparseTensor):
        return input.to_coo()
    count = input.dim() - (dense_dim or 0) if sparse_dim is None else sparse_dim
    if not 0 <= count <= input.dim():
        raise RuntimeError(
            f"dense_to_sparse: sparse_dim argument must be in [0,{input.dim()}] range, but "
            f"{count} is given"
        )
    if count == 0 and input.dim() > 0:
        raise RuntimeError("dense_to_sparse: sparse_dim argument must be in >0 when self.dim()>0")
    return _nonzero(input, count)


def _nonzero(input: Tensor, count: int) -> SparseCooTensor:
    """The elements that are not zero, with coordinates of the first `count` dims."""
    seen = input.detach() != 0
    if count < input.dim():
        seen = seen.flatten(count).any(-1)
    if not count:
        places = _C.empty((0, int(seen.item())), dtype=_C.int64, device=input.device)
        return make(places, input.view(1)[: places.size(1)], input.shape, True)
    places = seen.nonzero().t()
    values = input.flatten(0, count - 1)[flatten(places, tuple(seen.shape))]
    return make(places, values, input.shape, True)


@handles("to_sparse_csr")
def to_sparse_csr(input: Any, dense_dim: int | None = None) -> SparseCsrTensor:
    """A matrix with compressed rows."""
    made: SparseCsrTensor = _compressed(SparseCsrTensor, input, dense_dim)
    return made


@handles("to_sparse_csc")
def to_sparse_csc(input: Any, dense_dim: int | None = None) -> SparseCscTensor:
    """A matrix with compressed columns."""
    made: SparseCscTensor = _compressed(SparseCscTensor, input, dense_dim)
    return made


def _compressed(cls: type[SparseCompressedTensor], input: Any, dense_dim: int | None) -> Any:
    if dense_dim:
        raise NotImplementedError(f"to_sparse_{cls.kind[6:].lower()}: dense dims")
    if isinstance(input, cls):
        return input
    if not isinstance(input, SparseTensor) and input.dim() != 2:
        raise NotImplementedError(
            f"to_sparse_{cls.kind[6:].lower()}: only matrices; got shape {list(input.shape)}"
        )
    return cls.of_coo(to_sparse(input))


@handles("sparse_mask")
def sparse_mask(input: Any, mask: Any) -> Any:
    """The elements of `input` at the places that a sparse `mask` names.

    Raises:
        RuntimeError: the shapes differ.
    """
    if not isinstance(mask, SparseTensor):
        raise NotImplementedError("sparse_mask: the mask must be sparse; use .to_sparse() first")
    if tuple(input.shape) != tuple(mask.shape):
        raise RuntimeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(input.shape)} "
            f"but mask has size {list(mask.shape)}"
        )
    coo: SparseCooTensor = mask.to_coo()
    if isinstance(input, SparseTensor):
        values = _looked_up(input.to_coo().coalesce(), coo)
    else:
        count = coo.sparse_dim()
        table = input.flatten(0, count - 1) if count else input.unsqueeze(0)
        values = table[coo.numbers()]
    return mask.with_values(values)


def _looked_up(input: SparseCooTensor, mask: SparseCooTensor) -> Tensor:
    """The values of a coalesced `input` at the places of `mask`; zeros where it has none."""
    wanted, known = mask.numbers(), input.numbers()
    if not known.size(0):
        return input._value.new_zeros((wanted.size(0), *input._value.shape[1:]))
    at = _C.searchsorted(known, wanted).clamp(max=known.size(0) - 1)
    found = (known[at] == wanted).view(-1, *(1,) * input.dense_dim())
    return _C.where(found, input._value[at], _C.zeros((), dtype=input.dtype, device=input.device))


@handles("copy_")
def copy_(input: Any, source: Any, non_blocking: bool = False) -> Any:
    """Take over the elements of a tensor of the same layout.

    Raises:
        RuntimeError: one is sparse and the other is not, or the layouts differ.
    """
    if not (isinstance(input, SparseTensor) and isinstance(source, SparseTensor)):
        raise RuntimeError(
            "copy_() between dense and sparse Tensors is not implemented! Found self type = "
            f"{input.type()} and src type = {source.type()}"
        )
    if type(input) is not type(source):
        raise RuntimeError(
            "torch.copy_: copy of sparse compressed tensors having different layouts is not "
            f"supported. self layout is {input.kind} and src layout is {source.kind}"
        )
    values = source._value.to(device=input.device, dtype=input.dtype, copy=True)
    return input.become(_moved(source, values))


@handles("real.__get__")
def real(input: Any) -> Any:
    """The real part."""
    return input.with_values(input._value.real)


@handles("imag.__get__")
def imag(input: Any) -> Any:
    """The imaginary part."""
    return input.with_values(input._value.imag)


@handles("__format__")
def format_(input: Any, spec: str) -> str:
    """The text; sparse tensors take no format."""
    return object.__format__(input, spec)
