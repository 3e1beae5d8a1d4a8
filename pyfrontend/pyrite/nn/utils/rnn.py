"""Batches of sequences of different lengths: padded, and packed without the padding.

Layer: Python front end, tensor algebra only. Invariant: packed data is ordered by time step, and
within a step by sequence, longest first; a boolean mask over (time, sequence) holds exactly the
packed elements in that order, so packing and padding are one indexing operation each, with their
gradients.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Self

from pyrite import _C
from pyrite._C import Tensor
from pyrite.nn._conversion import parse_to

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _PackedFields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_PackedFields):
    """The elements of a batch of sequences without padding; made by `pack_padded_sequence`.

    Args:
        data: the elements, (total length, *).
        batch_sizes: number of sequences that reach each time step, int64 on the CPU.
        sorted_indices: the order that sorts the sequences by length, None if they were sorted.
        unsorted_indices: the inverse order; computed if not given.

    Raises:
        ValueError: `batch_sizes` is not on the CPU.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        """Check the parts; `data` may also be the pair (data, batch_sizes)."""
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. "
                "Instances of PackedSequence should never be created manually. "
                "They should be instantiated by functions like pack_sequence "
                "and pack_padded_sequences in nn.utils.rnn. "
                "https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move and/or cast the data, arguments as for `Tensor.to`; `self` if nothing changes."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        moving = {name: value for name, value in kwargs.items() if name != "copy"}
        _, _, non_blocking, _ = parse_to(*args, **moving)

        def follow(indices: Tensor | None) -> Tensor | None:
            return None if indices is None else indices.to(data.device, non_blocking=non_blocking)

        indices = follow(self.sorted_indices), follow(self.unsorted_indices)
        return type(self)(data, self.batch_sizes, *indices)

    def cpu(self) -> Self:
        """Move to the CPU."""
        return self.to("cpu")

    def cuda(self, device: Any = "cuda") -> Self:
        """Move to a GPU, the current one by default."""
        return self.to(device)

    def pin_memory(self) -> Self:
        """Pin the data's memory."""

        def pin(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.pin_memory()

        indices = pin(self.sorted_indices), pin(self.unsorted_indices)
        return type(self)(self.data.pin_memory(), self.batch_sizes, *indices)

    def is_pinned(self) -> bool:
        """Whether the data is in pinned memory."""
        return bool(self.data.is_pinned())

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return bool(self.data.is_cuda)

    def double(self) -> Self:
        """Cast the data to float64."""
        return self.to(dtype=_C.float64)

    def float(self) -> Self:
        """Cast the data to float32."""
        return self.to(dtype=_C.float32)

    def half(self) -> Self:
        """Cast the data to float16."""
        return self.to(dtype=_C.float16)

    def long(self) -> Self:
        """Cast the data to int64."""
        return self.to(dtype=_C.int64)

    def int(self) -> Self:
        """Cast the data to int32."""
        return self.to(dtype=_C.int32)

    def short(self) -> Self:
        """Cast the data to int16."""
        return self.to(dtype=_C.int16)

    def char(self) -> Self:
        """Cast the data to int8."""
        return self.to(dtype=_C.int8)

    def byte(self) -> Self:
        """Cast the data to uint8."""
        return self.to(dtype=_C.uint8)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Return the permutation that undoes `permutation`."""
    if permutation is None:
        return None
    places = _C.arange(permutation.numel(), device=permutation.device)
    return _C.empty_like(permutation).scatter_(0, permutation, places)


def _within(lengths: Tensor, steps: int, device: Any) -> Tensor:
    """The mask (time, sequence) of the elements that are no padding."""
    times = _C.arange(steps, device=device).unsqueeze(1)  # (T, 1)
    return times < lengths.to(device)  # (T, B)


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Drop the padding of a batch of sequences.

    Args:
        input: (T, B, *), or (B, T, *) with `batch_first`.
        lengths: length of each sequence, at least 1, on the CPU.
        batch_first: whether the batch comes first.
        enforce_sorted: require decreasing lengths; with False the sequences are sorted.

    Raises:
        RuntimeError: lengths that are not positive, not sorted or not one for each sequence.
    """
    # Lengths given as a list are on the CPU whatever the default device is.
    where = {} if isinstance(lengths, Tensor) else {"device": "cpu"}
    sizes = _C.as_tensor(lengths, dtype=_C.int64, **where)
    sorted_indices = None
    if not enforce_sorted:
        sizes, sorted_indices = _C.sort(sizes, descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    if batch_first:
        input = input.transpose(0, 1)
    if sizes.dim() != 1 or sizes.device.type != "cpu":
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{sizes.dim()}D {sizes.device} Long tensor"
        )
    counts = sizes.tolist()
    _check_lengths(input, counts)
    steps = counts[0]
    batch_sizes = _within(sizes, steps, "cpu").sum(1)
    data = input[:steps][_within(sizes, steps, input.device)]
    return PackedSequence(data, batch_sizes, sorted_indices)


def _check_lengths(input: Tensor, counts: list[int]) -> None:
    if input.numel() == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    if len(counts) != input.size(1):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} "
            f"(batch_size={input.size(1)})"
        )
    if counts[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if any(later > earlier for earlier, later in pairwise(counts)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
            "You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if counts[0] > input.size(0):
        raise RuntimeError(
            f"Length of all samples has to be at most {input.size(0)}, the number of time steps of "
            f"the input, but got {counts[0]}"
        )


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Put a packed batch back into padded form, in the order it was packed from.

    Args:
        sequence: the packed batch.
        batch_first: whether the batch comes first in the result.
        padding_value: the value behind the end of a sequence.
        total_length: the number of time steps of the result; the longest length by default.

    Returns:
        The padded batch, (T, B, *) or (B, T, *), and the lengths, int64 of size (B).

    Raises:
        ValueError: `total_length` is smaller than the longest length.
    """
    data, batch_sizes = sequence.data, sequence.batch_sizes
    steps = batch_sizes.size(0)
    if total_length is not None and total_length < steps:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, "
            f"but got total_length={total_length} and max sequence length being {steps}"
        )
    width = int(batch_sizes[0])
    # A sequence reaches as many steps as have more than its position in the batch.
    lengths = (_C.arange(width).unsqueeze(1) < batch_sizes).sum(1)
    total = steps if total_length is None else total_length
    padded = data.new_full((total, width, *data.shape[1:]), padding_value)
    padded = padded.index_put((_within(lengths, total, data.device),), data)
    if batch_first:
        padded = padded.transpose(0, 1)
    if sequence.unsorted_indices is not None:
        order = sequence.unsorted_indices
        return padded.index_select(0 if batch_first else 1, order), lengths[order.cpu()]
    return padded, lengths


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences of different lengths, filled up with `padding_value`.

    Args:
        sequences: tensors (L_i, *) with equal further dims.
        batch_first: whether the batch comes first in the result.
        padding_value: the value of the padding.
        padding_side: "right" or "left".

    Returns:
        (T, B, *), or (B, T, *) with `batch_first`, where T is the longest length.

    Raises:
        RuntimeError: not iterable, empty, or an unknown side.
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    listed = list(sequences)
    if not listed:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("right", "left"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    for i, sequence in enumerate(listed):
        if not isinstance(sequence, _C.Tensor):
            kind = type(sequence).__name__
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {kind}")
    first = listed[0]
    sizes = [sequence.size(0) for sequence in listed]
    steps = max(sizes)
    lengths = _C.tensor(sizes, device=first.device).unsqueeze(1)  # (B, 1)
    times = _C.arange(steps, device=first.device)
    within = times < lengths if padding_side == "right" else times >= steps - lengths  # (B, T)
    values = _C.cat([sequence.to(first.dtype) for sequence in listed])
    shape = (len(listed), steps) if batch_first else (steps, len(listed))
    padded = first.new_full((*shape, *first.shape[1:]), padding_value)
    if batch_first:
        return padded.index_put((within,), values)
    return padded.transpose(0, 1).index_put((within,), values).transpose(0, 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """Undo `pad_sequence`.

    Args:
        padded_sequences: (T, B, *), or (B, T, *) with `batch_first`.
        lengths: the length of each sequence.
        batch_first: whether the batch comes first.
    """
    batch = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [sequence[:length] for sequence, length in zip(batch, lengths.tolist(), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (L_i, *) of different lengths.

    Args:
        sequences: the sequences.
        enforce_sorted: require decreasing lengths; with False the sequences are sorted.
    """
    lengths = _C.tensor([sequence.size(0) for sequence in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Undo `pack_sequence`."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
